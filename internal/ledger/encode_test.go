package ledger

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEncodeEveryField sets the fields of a record one by one, whatever fields
// there are, and all of them, and holds encode to json.Marshal.
func TestEncodeEveryField(t *testing.T) {
	one := func(set map[string]bool) Record {
		r := Record{Call: &Call{}, Result: &Result{}, Forget: &Forget{}}
		fill(reflect.ValueOf(&r).Elem(), "", set)
		return r
	}
	all := map[string]bool{}
	one(all) // finds their names
	if len(all) < 40 {
		t.Fatalf("only %d fields: %v", len(all), all)
	}
	for name := range all {
		same(t, name, one(map[string]bool{name: true}))
		all[name] = true
	}
	same(t, "all", one(all))
	same(t, "a call alone", Record{Call: &Call{}})
	same(t, "nothing", Record{})
}

// fill sets the fields that set asks for, and notes the names of the others.
func fill(v reflect.Value, at string, set map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			defer func() {
				if v.Elem().IsZero() {
					v.SetZero()
				}
			}()
		}
		fill(v.Elem(), at, set)
		return
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			break
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), at+"."+f.Name, set)
			}
		}
		return
	}
	if !set[at] {
		set[at] = false
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("a b")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-42)
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{"stop", "<"}))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"b": "1", "a": "2"}))
	case reflect.Struct:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 21, 23, 59, 59, 120_000_000, time.FixedZone("", 3600))))
	default:
		panic(v.Kind())
	}
}

// byReflection is what encode is held to.
func byReflection(r Record) ([]byte, error) {
	r.Time = r.Time.UTC()
	if r.Call != nil {
		c := *r.Call
		c.Received = c.Received.UTC()
		r.Call = &c
	}
	if r.Result != nil {
		res := *r.Result
		res.FirstByte, res.FirstToken, res.End = res.FirstByte.UTC(), res.FirstToken.UTC(), res.End.UTC()
		r.Result = &res
	}
	return json.Marshal(r)
}

func same(t *testing.T, what string, r Record) {
	t.Helper()
	got, err := r.encode()
	want, wantErr := byReflection(r)
	if string(got) != string(want) || (err != nil) != (wantErr != nil) {
		t.Errorf("%s:\ngot  %s, %v\nwant %s, %v", what, got, err, want, wantErr)
	}
}

// FuzzEncode holds every text, number and time to json.Marshal.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "plain", `"\`, "<a href=&>", "\x00\x1f\x7f", "ä\u2028\u2029", "\xff\xc3", strings.Repeat("é", 2000)} {
		f.Add(s, int64(0), int64(0), 0)
		f.Add(s, int64(math.MinInt64), int64(1e18), -3600)
	}
	f.Add("", int64(1), int64(math.MaxInt64), 86399) // a year that JSON does not have
	f.Fuzz(func(t *testing.T, s string, n, seconds int64, zone int) {
		at := time.Unix(seconds, n&(1<<29-1)).In(time.FixedZone("", zone%86400))
		same(t, "fuzzed", Record{
			Version: int(int32(n)), Kind: Kind(s), ID: s, Time: at,
			Call: &Call{Received: at, Name: s, Decision: s, Request: Body{Bytes: n, Commitment: s}},
			Result: &Result{FirstByte: at, FirstToken: at, End: at, FinishReasons: []string{s}, ContentFilter: map[string]string{s: s},
				Usage: Usage{Prompt: n}, Cost: &Cost{Micros: n, Currency: s}, Model: s},
		})
	})
}
