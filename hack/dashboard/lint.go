package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

const (
	source = "$datasource"
	// The variable by which people with several installations choose.
	job = "job"
)

// lint says what is wrong with a dashboard: what Grafana's definition does not know (its decoder refuses unknown and missing fields), and
// what the rules of Grafana's dashboard-linter ask for, as far as they fit: those about `instance` do not, since figures of objects are on
// the one replica that leads.
func lint(content []byte) []string {
	plugins.RegisterDefaultPlugins()
	// Without errors its answer is an empty list of them, which is no nil, and what it has read lacks the panels: so it is read twice.
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(content); err != nil && err.Error() != "" {
		return []string{"Grafana does not read it: " + err.Error()}
	}
	var read dashboard.Dashboard
	if err := json.Unmarshal(content, &read); err != nil {
		return []string{"Grafana does not read it: " + err.Error()}
	}
	l := &linter{}
	if err := read.Validate(); err != nil && err.Error() != "" {
		l.add("Grafana does not take it: %s", err)
	}
	l.dashboard(&read)
	return l.problems
}

// Of Grafana's units those that are of use here: a name that Grafana does not have would not compile.
var knownUnits = map[string]bool{
	units.Short: true, units.Seconds: true, units.PercentUnit: true, units.RequestsPerSecond: true, units.OpsPerSecond: true,
	units.DateTimeFromNow: true,
}

type linter struct {
	problems []string
	panels   map[uint32]string
}

func (l *linter) add(format string, arguments ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, arguments...))
}

func (l *linter) dashboard(read *dashboard.Dashboard) {
	if read.Uid == nil || *read.Uid == "" {
		l.add("it has no uid, so links to it break with each import")
	}
	if read.Id != nil {
		l.add("it has the id of some Grafana's database")
	}
	if read.Editable == nil || *read.Editable {
		l.add("it is editable: changes would be lost with the next release")
	}
	l.variables(read.Templating.List)
	l.panels = map[uint32]string{}
	for _, entry := range read.Panels {
		switch {
		case entry.Panel != nil:
			l.panel(entry.Panel)
		case entry.RowPanel != nil:
			l.identify(entry.RowPanel.Id, "row")
			for index := range entry.RowPanel.Panels {
				l.panel(&entry.RowPanel.Panels[index])
			}
		}
	}
	if len(l.panels) == 0 {
		l.add("it has no panels")
	}
}

func (l *linter) variables(list []dashboard.VariableModel) {
	found := map[string]dashboard.VariableModel{}
	for _, variable := range list {
		if variable.Label == nil || *variable.Label == "" {
			l.add("the variable %s has no label", variable.Name)
		}
		found[variable.Name] = variable
	}
	if variable, ok := found["datasource"]; !ok || variable.Type != dashboard.VariableTypeDatasource {
		l.add("there is no variable datasource for the data source")
	}
	variable, ok := found[job]
	switch {
	case !ok || variable.Type != dashboard.VariableTypeQuery:
		l.add("there is no variable job")
	case variable.Datasource == nil || variable.Datasource.Uid == nil || *variable.Datasource.Uid != source:
		l.add("the variable job does not ask %s", source)
	case variable.Multi == nil || !*variable.Multi || variable.AllValue == nil || *variable.AllValue != ".+":
		l.add("the variable job must take several, and .+ for all")
	case variable.Refresh == nil || *variable.Refresh != dashboard.VariableRefreshOnTimeRangeChanged:
		l.add("the variable job must be read again when the time range changes")
	}
}

func (l *linter) identify(id uint32, what string) {
	if other, taken := l.panels[id]; taken {
		l.add("%s and %s have the same id", what, other)
	}
	l.panels[id] = what
}

func (l *linter) panel(panel *dashboard.Panel) {
	title := "a panel"
	if panel.Title != nil && *panel.Title != "" {
		title = *panel.Title
	} else {
		l.add("%s has no title", title)
	}
	id := uint32(0)
	if panel.Id != nil {
		id = *panel.Id
	}
	l.identify(id, title)
	if panel.Description == nil || len(*panel.Description) < 20 {
		l.add("%s: no description", title)
	}
	if panel.Datasource == nil || panel.Datasource.Uid == nil || *panel.Datasource.Uid != source {
		l.add("%s: the data source is not %s", title, source)
	}
	if panel.FieldConfig == nil || panel.FieldConfig.Defaults.Unit == nil || !knownUnits[*panel.FieldConfig.Defaults.Unit] {
		l.add("%s: no unit that Grafana knows", title)
	}
	if len(panel.Targets) == 0 {
		l.add("%s: no query", title)
	}
	for _, target := range panel.Targets {
		query, ok := target.(prometheus.Dataquery)
		if pointer, is := target.(*prometheus.Dataquery); is {
			query, ok = *pointer, true
		}
		if !ok {
			l.add("%s: a query that is not Prometheus's", title)
			continue
		}
		l.query(title, query.Expr)
	}
}

// Metrics of others have jobs of theirs.
var ours = regexp.MustCompile(`^irsa_anywhere_`)

var ranges = regexp.MustCompile(`\[([^\]:]*)`)

func (l *linter) query(title, expression string) {
	tree, err := parse(expression)
	if err != nil {
		l.add("%s: %s: %s", title, expression, err)
		return
	}
	for _, found := range ranges.FindAllStringSubmatch(expression, -1) {
		if found[1] != "$__rate_interval" && found[1] != "$__range" {
			l.add("%s: a range of %s, which does not follow the resolution", title, found[1])
		}
	}
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		vector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		if ours.MatchString(vector.Name) {
			chosen := false
			for _, matcher := range vector.LabelMatchers {
				chosen = chosen || matcher.Name == job && matcher.Value == "$job"
			}
			if !chosen {
				l.add("%s: %s without job=~\"$job\"", title, vector.Name)
			}
		}
		if counts(vector.Name) && !rated(path) {
			l.add("%s: the counter %s as it is, without rate or increase", title, vector.Name)
		}
		return nil
	})
}

func counts(metric string) bool {
	for _, ending := range []string{"_total", "_count", "_sum", "_bucket"} {
		if strings.HasSuffix(metric, ending) {
			return true
		}
	}
	return false
}

func rated(path []parser.Node) bool {
	for _, above := range path {
		if call, ok := above.(*parser.Call); ok {
			switch call.Func.Name {
			case "rate", "irate", "increase":
				return true
			}
		}
	}
	return false
}
