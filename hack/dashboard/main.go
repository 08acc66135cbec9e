// What can be said of a Grafana dashboard without a Grafana, by Grafana's own definition of one and Prometheus's own parser.
//
//	dashboard lint FILE...    whether Grafana reads it as it is meant, and what its users expect of one
//	dashboard selectors       of PromQL expressions on standard input (a JSON list of strings): what each asks for
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// What Grafana puts into a query before it sends it; any duration will do for the parser.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1h")

func parse(expression string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(variables.Replace(expression))
}

// selector is what an expression asks for: a metric, and the labels that have to be there with the values that they are compared with.
type selector struct {
	Metric string              `json:"metric"`
	Labels map[string][]string `json:"labels"`
}

// selectors finds them; labels that an aggregation keeps or a matching goes by count for every selector below it.
func selectors(expression string) ([]selector, error) {
	tree, err := parse(expression)
	if err != nil {
		return nil, err
	}
	var found []selector
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		vector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		wanted := map[string][]string{}
		for _, matcher := range vector.LabelMatchers {
			if matcher.Name != labels.MetricName {
				wanted[matcher.Name] = append(wanted[matcher.Name], strings.Split(matcher.Value, "|")...)
			}
		}
		keep := func(names []string) {
			for _, name := range names {
				wanted[name] = append(wanted[name], []string{}...)
			}
		}
		for _, above := range path {
			switch above := above.(type) {
			case *parser.AggregateExpr:
				if !above.Without {
					keep(above.Grouping)
				}
			case *parser.BinaryExpr:
				if above.VectorMatching != nil && above.VectorMatching.On {
					keep(above.VectorMatching.MatchingLabels)
				}
			}
		}
		for name, values := range wanted {
			if values == nil {
				wanted[name] = []string{}
			}
		}
		found = append(found, selector{vector.Name, wanted})
		return nil
	})
	return found, nil
}

func printSelectors() error {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var expressions []string
	if err := json.Unmarshal(input, &expressions); err != nil {
		return err
	}
	all := make([][]selector, 0, len(expressions))
	for _, expression := range expressions {
		found, err := selectors(expression)
		if err != nil {
			return fmt.Errorf("%s: %w", expression, err)
		}
		all = append(all, found)
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "selectors" {
		return printSelectors()
	}
	if len(arguments) < 2 || arguments[0] != "lint" {
		return fmt.Errorf("usage: dashboard lint FILE... | dashboard selectors")
	}
	problems := 0
	for _, file := range arguments[1:] {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		found := lint(content)
		for _, problem := range found {
			fmt.Fprintf(os.Stderr, "%s: %s\n", file, problem)
		}
		problems += len(found)
	}
	if problems > 0 {
		return fmt.Errorf("%d problems", problems)
	}
	return nil
}
