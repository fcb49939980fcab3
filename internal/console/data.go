package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/liveness"
)

// maxRecords bounds what one page looks at; the newest count.
const (
	maxRecords = 5000
	maxListed  = 100
)

// periods are the days to choose from.
var periods = []int{1, 7, 30, 90}

// choice is what the page's form has chosen. What makes no sense is taken for not chosen.
type choice struct {
	Account, Protocol string
	Outcome           liveness.Outcome
	Reason            liveness.Reason
	Days              int
	// Threshold is 0 to 1; NaN: none.
	Threshold float64
}

func choiceOf(r *http.Request) choice {
	q := r.URL.Query()
	ch := choice{Account: q.Get("account"), Protocol: q.Get("protocol"), Outcome: liveness.Outcome(q.Get("outcome")),
		Reason: liveness.Reason(q.Get("reason")), Days: 30, Threshold: math.NaN()}
	if days, err := strconv.Atoi(q.Get("days")); err == nil && slices.Contains(periods, days) {
		ch.Days = days
	}
	if t, err := strconv.ParseFloat(q.Get("threshold"), 64); err == nil && t >= 0 && t <= 1 {
		ch.Threshold = t
	}
	return ch
}

func (c *Console) find(r *http.Request, ch choice, limit int) ([]account.CheckRecord, error) {
	return c.accounts.Checks(r.Context(), ch.Account, account.Filter{
		Protocol: ch.Protocol, Outcome: ch.Outcome, Reason: ch.Reason, Limit: limit,
		From: c.now().AddDate(0, 0, -ch.Days),
	})
}

// chart is what charts.js draws, and its table for who cannot see it.
type chart struct {
	// Kind is "line" or "bar".
	Kind    string   `json:"kind"`
	Labels  []string `json:"labels"`
	Series  []series `json:"series"`
	Stacked bool     `json:"stacked"`
	// Max is the end of the axis; 0: as the values need.
	Max float64 `json:"most"`
}

type series struct {
	Name string `json:"name"`
	// Values are nil where there is none.
	Values []*float64 `json:"values"`
}

type overview struct {
	Checks, Live, Attack, Undecided int
	Cut                             bool
	ByDay, Scores, Spread, Reasons  chart
}

func (c *Console) overview(r *http.Request, ch choice) (string, any, error) {
	kept, err := c.find(r, choice{Account: ch.Account, Protocol: ch.Protocol, Days: ch.Days}, maxRecords)
	o := overview{Checks: len(kept), Cut: len(kept) == maxRecords}
	outcomes := []liveness.Outcome{liveness.Live, liveness.Attack, liveness.Undecided}
	count := map[liveness.Outcome]int{}
	perDay := map[string]map[liveness.Outcome]int{}
	scores := map[string]map[string][]float64{} // by protocol and day
	reasons := map[string]int{}
	for _, k := range kept {
		day := k.At.UTC().Format(time.DateOnly)
		count[k.Outcome]++
		add(perDay, day, k.Outcome)
		if k.Score != nil && k.Reason == "" {
			if scores[k.Protocol] == nil {
				scores[k.Protocol] = map[string][]float64{}
			}
			scores[k.Protocol][day] = append(scores[k.Protocol][day], *k.Score)
		}
		if k.Reason != "" {
			reasons[string(k.Reason)]++
		}
	}
	o.Live, o.Attack, o.Undecided = count[liveness.Live], count[liveness.Attack], count[liveness.Undecided]
	days := c.days(ch.Days)
	o.ByDay = chart{Kind: "bar", Labels: days, Stacked: true}
	for _, outcome := range outcomes {
		o.ByDay.Series = append(o.ByDay.Series, series{string(outcome), values(days, func(day string) (float64, bool) {
			return float64(perDay[day][outcome]), true
		})})
	}
	o.Scores = chart{Kind: "line", Labels: days, Max: 1}
	o.Spread = chart{Kind: "bar", Labels: bins}
	for _, protocol := range sortedKeys(scores) {
		o.Scores.Series = append(o.Scores.Series, series{protocol, values(days, func(day string) (float64, bool) {
			return median(scores[protocol][day]), len(scores[protocol][day]) > 0
		})})
		o.Spread.Series = append(o.Spread.Series, series{protocol, dayMeans(scores[protocol])})
	}
	names := sortedKeys(reasons)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(reasons[b], reasons[a]) })
	o.Reasons = chart{Kind: "bar", Labels: names, Series: []series{{"checks", values(names, func(name string) (float64, bool) {
		return float64(reasons[name]), true
	})}}}
	return "Overview", o, err
}

func add[K1, K2 comparable](counts map[K1]map[K2]int, a K1, b K2) {
	if counts[a] == nil {
		counts[a] = map[K2]int{}
	}
	counts[a][b]++
}

// days returns the dates of the period, oldest first.
func (c *Console) days(n int) []string {
	days := make([]string, 0, n+1)
	for back := n; back >= 0; back-- {
		days = append(days, c.now().UTC().AddDate(0, 0, -back).Format(time.DateOnly))
	}
	return days
}

func values(labels []string, of func(label string) (value float64, has bool)) []*float64 {
	list := make([]*float64, len(labels))
	for i, label := range labels {
		if value, has := of(label); has {
			list[i] = &value
		}
	}
	return list
}

// bins are tenths of the scores; the last takes 1 too.
var bins = func() (labels []string) {
	for i := range 10 {
		labels = append(labels, fmt.Sprintf("%.1f to %.1f", float64(i)/10, float64(i+1)/10))
	}
	return labels
}()

func dayMeans(byDay map[string][]float64) []*float64 {
	counts := make([]*float64, len(bins))
	for i := range counts {
		counts[i] = new(float64)
	}
	for _, scores := range byDay {
		for _, s := range scores {
			*counts[max(0, min(len(bins)-1, int(s*float64(len(bins)))))]++
		}
	}
	return counts
}

// median of no values is 0.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

type checks struct {
	List     []account.CheckRecord
	Cut      bool
	Outcomes []liveness.Outcome
	Reasons  []liveness.Reason
}

func (c *Console) checks(r *http.Request, ch choice) (string, any, error) {
	kept, err := c.find(r, ch, maxListed)
	page := checks{List: kept, Cut: len(kept) == maxListed, Outcomes: []liveness.Outcome{liveness.Live, liveness.Attack, liveness.Undecided}}
	for _, info := range liveness.Reasons() {
		page.Reasons = append(page.Reasons, info.Reason)
	}
	return "Recent checks", page, err
}

// change is a check whose outcome another threshold turns.
type change struct {
	account.CheckRecord
	Now liveness.Outcome
}

type thresholds struct {
	Scored, Live, WouldBeLive int
	Cut                       bool
	// Changes are the newest of Changed.
	Changes []change
	Changed int
}

// thresholds holds the scores of past checks against a threshold. Checks without a decision keep having none.
func (c *Console) thresholds(r *http.Request, ch choice) (string, any, error) {
	kept, err := c.find(r, choice{Account: ch.Account, Protocol: ch.Protocol, Days: ch.Days}, maxRecords)
	page := thresholds{Cut: len(kept) == maxRecords}
	for _, k := range kept {
		if k.Score == nil || k.Outcome == liveness.Undecided {
			continue
		}
		page.Scored++
		now := liveness.Attack
		if *k.Score >= ch.Threshold || math.IsNaN(ch.Threshold) && k.Outcome == liveness.Live {
			now = liveness.Live
			page.WouldBeLive++
		}
		if k.Outcome == liveness.Live {
			page.Live++
		}
		if now == k.Outcome {
			continue
		}
		page.Changed++
		if len(page.Changes) < maxListed {
			page.Changes = append(page.Changes, change{k, now})
		}
	}
	return "Thresholds", page, err
}

type keys struct {
	Keys  []account.Key
	Now   time.Time
	Usage []account.Usage
	Total int64
	Chart chart
}

func (c *Console) keys(r *http.Request, ch choice) (string, any, error) {
	all, err := c.accounts.ListKeys(r.Context())
	if err != nil {
		return "", nil, err
	}
	page := keys{Now: c.now()}
	for _, k := range all {
		if ch.Account == "" || k.Account == ch.Account {
			page.Keys = append(page.Keys, k)
		}
	}
	usage, err := c.accounts.Usage(r.Context(), ch.Account, c.now().AddDate(0, 0, -ch.Days), c.now().AddDate(0, 0, 1))
	perDay := map[string]map[string]int64{}
	total := map[string]*account.Usage{}
	for _, u := range usage {
		page.Total += u.Checks
		if perDay[u.Account] == nil {
			perDay[u.Account] = map[string]int64{}
		}
		perDay[u.Account][u.Day] += u.Checks
		id := u.Account + "\x00" + u.Protocol
		if total[id] == nil {
			total[id] = &account.Usage{Account: u.Account, Protocol: u.Protocol}
		}
		total[id].Checks += u.Checks
	}
	for _, id := range sortedKeys(total) {
		page.Usage = append(page.Usage, *total[id])
	}
	days := c.days(ch.Days)
	page.Chart = chart{Kind: "bar", Labels: days, Stacked: true}
	for _, name := range sortedKeys(perDay) {
		page.Chart.Series = append(page.Chart.Series, series{name, values(days, func(day string) (float64, bool) {
			return float64(perDay[name][day]), true
		})})
	}
	return "Keys and usage", page, err
}

// helpers are what the templates call.
var helpers = template.FuncMap{
	"json": func(v any) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	},
	"time":      func(t time.Time) string { return t.UTC().Format(time.DateTime) },
	"protocols": func() []account.Protocol { return account.Protocols },
	"periods":   func() []int { return periods },
	"words":     func(name any) string { return strings.ReplaceAll(fmt.Sprint(name), "_", " ") },
	"score": func(s *float64) string {
		if s == nil {
			return "none"
		}
		return strconv.FormatFloat(math.Floor(*s*1e4*(1+1e-15))/1e4, 'f', 4, 64) // never above a threshold that it misses
	},
	"number": func(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) },
	"value": func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'g', 4, 64)
	},
	"given": func(x float64) bool { return !math.IsNaN(x) },
	"valid": func(k account.Key, at time.Time) bool { return k.Valid(at) },
	"percent": func(part, whole int) string {
		if whole == 0 {
			return "0%"
		}
		return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
	},
	"dict": func(chart chart, title, of string) map[string]any {
		return map[string]any{"Chart": chart, "Title": title, "Of": of}
	},
	"at": func(list []*float64, i int) *float64 { return list[i] },
}
