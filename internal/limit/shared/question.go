package shared

import (
	"errors"
	"time"

	"github.com/ostiary/ostiary/internal/limit"
)

// question is what the script is asked.
type question struct {
	limits limit.Limits
	wants  int64 // tokens of a call; onlyLook for no call
	owed   owed
}

const onlyLook = -1

// owed is what is settled of calls that have ended.
type owed struct {
	debt int64           // tokens
	back map[int64]int64 // tokens, by the second that they were taken in
}

func (q question) args() []any {
	args := make([]any, 0, 4+2*len(q.owed.back))
	args = append(args, q.limits.Requests, q.limits.Tokens, q.wants, q.owed.debt)
	for second, tokens := range q.owed.back {
		args = append(args, second, tokens)
	}
	return args
}

// minute is the script's answer.
type minute struct {
	over   limit.Kind // empty: nothing was over
	second int64      // of the server
	used   limit.Limits
	wait   int64 // seconds; 0 unless over
}

var errAnswer = errors.New("the server's answer is none of the script")

// answer reads the script's reply, and believes nothing that the script cannot
// have said.
func (q question) answer(reply any) (minute, error) {
	list, ok := reply.([]any)
	if !ok || len(list) != 5 {
		return minute{}, errAnswer
	}
	var n [5]int64
	for i, v := range list {
		if n[i], ok = v.(int64); !ok || n[i] < 0 {
			return minute{}, errAnswer
		}
	}
	m := minute{second: n[1], used: limit.Limits{Requests: n[2], Tokens: n[3]}, wait: n[4]}
	switch n[0] {
	case 0:
		ok = m.wait == 0
	case 1:
		m.over, ok = limit.Requests, q.limits.Requests > 0
	case 2:
		m.over, ok = limit.Tokens, q.limits.Tokens > 0
	default:
		ok = false
	}
	if m.over != "" {
		ok = ok && q.wants != onlyLook && m.wait >= 1 && m.wait <= 61
	}
	if !ok {
		return minute{}, errAnswer
	}
	return m, nil
}

// refusal is what a caller is told.
func (q question) refusal(m minute) *limit.Refusal {
	left := func(of, used int64) int64 { return max(0, of-used) }
	return &limit.Refusal{
		Kind: m.over, Retry: time.Duration(m.wait) * time.Second, Never: m.over == limit.Tokens && q.wants > q.limits.Tokens,
		Limits: q.limits,
		Left:   limit.Limits{Requests: left(q.limits.Requests, m.used.Requests), Tokens: left(q.limits.Tokens, m.used.Tokens)},
	}
}
