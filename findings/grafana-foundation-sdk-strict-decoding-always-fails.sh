#!/usr/bin/env bash
# Grafana's Foundation SDK for Go: strict decoding returns an error that is not nil for what is right, with nothing in it.
#
# UnmarshalJSONStrict of a dashboard is there to find fields that are missing or unknown. It returns its list of problems as an error, also where
# the list is empty, and an interface that holds an empty list is not nil. So `if err != nil` refuses each dashboard, also one that the SDK itself has
# just written, and prints an empty line for the reason: a check that goes by it cannot pass. What tells right from wrong is the length of the
# list (errors.As with cog.BuildErrors). encoding/json's Unmarshal of the same bytes returns nil, and takes unknown fields.
#
# Needs Go >= 1.26. Exit 0: behaves as described. Exit 1: it does not any more, and says what it saw.
set -euo pipefail
sdk=v0.0.22

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat > go.mod <<MOD
module finding

go 1.26

require github.com/grafana/grafana-foundation-sdk/go $sdk
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func strictly(what string, text []byte) {
	err := new(dashboard.Dashboard).UnmarshalJSONStrict(text)
	problems := cog.BuildErrors{}
	found := errors.As(err, &problems)
	fmt.Printf("%s: nil=%t list=%t problems=%d text=%q\n", what, err == nil, found, len(problems), fmt.Sprint(err))
}

func main() {
	title := "Orders"
	made := dashboard.NewDashboard()
	made.Title = &title
	right, err := json.Marshal(made)
	if err != nil {
		panic(err)
	}
	strictly("right", right)
	strictly("unknown field", []byte(strings.Replace(string(right), "{", `{"colour":"green",`, 1)))
	fmt.Printf("right, not strictly: nil=%t\n", json.Unmarshal(right, new(dashboard.Dashboard)) == nil)
}
GO
expected='right: nil=false list=true problems=0 text=""
unknown field: nil=false list=true problems=1 text="Dashboard: unexpected field '"'colour'"'"
right, not strictly: nil=true'

export GOMODCACHE=$directory/modules GOFLAGS='-mod=mod -modcacherw'
seen=$(go run .)
echo "grafana-foundation-sdk/go $sdk"
echo "$seen"
if [ "$seen" != "$expected" ]; then
  echo "not as described any more" >&2
  exit 1
fi
