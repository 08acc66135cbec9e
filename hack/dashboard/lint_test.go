package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// read is the dashboard that is shipped, as it is in the file.
func read(t *testing.T) map[string]any {
	t.Helper()
	content, err := os.ReadFile("../../dashboards/irsa-anywhere.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(content, &whole); err != nil {
		t.Fatal(err)
	}
	return whole
}

func lintOf(t *testing.T, whole map[string]any) string {
	t.Helper()
	content, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lint(content), "\n")
}

func TestWhatIsWrongIsFound(t *testing.T) {
	// The first panel that is no row, and its query.
	panel := func(whole map[string]any) map[string]any { return whole["panels"].([]any)[1].(map[string]any) }
	query := func(whole map[string]any) map[string]any { return panel(whole)["targets"].([]any)[0].(map[string]any) }
	variable := func(whole map[string]any) map[string]any {
		return whole["templating"].(map[string]any)["list"].([]any)[1].(map[string]any)
	}
	for name, test := range map[string]struct {
		change func(map[string]any)
		wanted string
	}{
		"a field of the dashboard":     {func(w map[string]any) { w["panel"] = 1 }, "unexpected field 'panel'"},
		"a field of a panel":           {func(w map[string]any) { panel(w)["titel"] = "x" }, "unexpected field 'titel'"},
		"an option of a panel":         {func(w map[string]any) { panel(w)["options"].(map[string]any)["graph"] = 1 }, "unexpected field 'graph'"},
		"a field of a query":           {func(w map[string]any) { query(w)["exprs"] = "x" }, "unexpected field 'exprs'"},
		"a panel that is too wide":     {func(w map[string]any) { panel(w)["gridPos"].(map[string]any)["w"] = 40 }, "must be <= 24"},
		"one id twice":                 {func(w map[string]any) { panel(w)["id"] = 1 }, "the same id"},
		"no description":               {func(w map[string]any) { delete(panel(w), "description") }, "no description"},
		"no title":                     {func(w map[string]any) { panel(w)["title"] = "" }, "no title"},
		"a data source of one Grafana": {func(w map[string]any) { panel(w)["datasource"].(map[string]any)["uid"] = "P1" }, "the data source is not"},
		"a unit that is none": {func(w map[string]any) {
			panel(w)["fieldConfig"].(map[string]any)["defaults"].(map[string]any)["unit"] = "secs"
		}, "no unit"},
		"no PromQL":              {func(w map[string]any) { query(w)["expr"] = "sum(" }, "unclosed left parenthesis"},
		"a query of all jobs":    {func(w map[string]any) { query(w)["expr"] = "irsa_anywhere_leader" }, "without job"},
		"a counter as it is":     {func(w map[string]any) { query(w)["expr"] = `irsa_anywhere_x_total{job=~"$job"}` }, "without rate"},
		"a fixed range":          {func(w map[string]any) { query(w)["expr"] = `rate(irsa_anywhere_x_total{job=~"$job"}[5m])` }, "a range of 5m"},
		"a variable for one job": {func(w map[string]any) { variable(w)["multi"] = false }, "must take several"},
		"no variable for jobs":   {func(w map[string]any) { variable(w)["name"] = "jobs" }, "no variable job"},
		"one that is editable":   {func(w map[string]any) { w["editable"] = true }, "editable"},
		"no panels":              {func(w map[string]any) { w["panels"] = []any{} }, "no panels"},
	} {
		whole := read(t)
		test.change(whole)
		if found := lintOf(t, whole); !strings.Contains(found, test.wanted) {
			t.Errorf("%s: %q lacks %q", name, found, test.wanted)
		}
	}
	if found := lintOf(t, read(t)); found != "" {
		t.Errorf("the dashboard that is shipped: %s", found)
	}
}

func TestSelectorsHaveTheLabelsThatAQueryGoesBy(t *testing.T) {
	expression := `sum by (kind, le) (rate(a{job=~"$job",state=~"x|y"}[$__rate_interval])) / on (kind) group_left sum by (kind) (b) > 0`
	found, err := selectors(expression)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []selector{
		{"a", map[string][]string{"job": {"$job"}, "state": {"x", "y"}, "kind": {}, "le": {}}},
		{"b", map[string][]string{"kind": {}}},
	}
	if !reflect.DeepEqual(found, wanted) {
		t.Errorf("%v is not %v", found, wanted)
	}
}
