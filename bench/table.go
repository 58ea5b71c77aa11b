package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Row is one figure with its limit.
type Row struct {
	Name     string  `json:"name"`
	N        int64   `json:"n"` // requests, resources, studies: what Value was taken from
	Value    float64 `json:"value"`
	Unit     string  `json:"unit,omitempty"`
	P50      float64 `json:"p50,omitempty"` // milliseconds
	P99      float64 `json:"p99,omitempty"`
	CPU      float64 `json:"cpu,omitempty"`   // microseconds of processor time for one, clients and hub together
	Limit    float64 `json:"limit,omitempty"` // Value of what it is compared with
	LimitCPU float64 `json:"limitCPU,omitempty"`
	Against  string  `json:"against,omitempty"` // what that is
	Ratio    float64 `json:"ratio,omitempty"`   // Value to Limit
	Errors   int64   `json:"errors,omitempty"`
	Note     string  `json:"note,omitempty"`
}

// limit sets the limit, and the ratio to it.
func (r *Row) limit(value float64) {
	if value > 0 && !math.IsInf(value, 0) {
		r.Limit, r.Ratio = value, r.Value/value
	}
}

// Print writes the table. A rate is better the nearer its ratio comes to 1 or above; a size or a time, the smaller it is.
func (r Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s, city of seed %d: %d studies, %d patients; %d clients, %g s each; %d processors\n\n",
		r.Database, r.Seed, r.Studies, r.Patients, r.Clients, r.Seconds, r.CPUs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "n\tvalue\tp50 ms\tp99 ms\tcpu us\tlimit\tits cpu us\tratio\t  \tfigure")
	for _, row := range r.Rows {
		cells := []string{
			strconv.FormatInt(row.N, 10), decimal(row.Value), decimal(row.P50), decimal(row.P99), decimal(row.CPU),
			decimal(row.Limit), decimal(row.LimitCPU), decimal(row.Ratio), "",
		}
		fmt.Fprintf(t, "%s\t%s\n", strings.Join(cells, "\t"), row.words())
	}
	return t.Flush()
}

// words say what a row is about.
func (r Row) words() string {
	s := r.Name
	if r.Unit != "" {
		s += ", " + r.Unit
	}
	if r.Limit > 0 {
		s += " (limit: " + r.Against + ")"
	}
	if r.Errors > 0 {
		s += fmt.Sprintf("; %d ERRORS", r.Errors)
	}
	if r.Note != "" {
		s += "; " + r.Note
	}
	return s
}

func decimal(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
