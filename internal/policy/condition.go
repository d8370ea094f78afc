package policy

import (
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
)

// The bounds of one condition. Without macros the language has no loop, so
// what an evaluation may cost is known when the condition is compiled, and
// need not be counted while it runs.
const (
	maxCondition = 1024 // characters
	maxNesting   = 32
	maxCost      = 1000 // CEL's units: about one a step, and one for ten bytes of text
	maxRegion    = 64   // bytes, for the estimate
)

// condition is a compiled CEL expression over Facts.
type condition struct {
	text    string
	program cel.Program
}

// language makes the environment in which conditions are compiled.
func language() (*cel.Env, error) {
	return cel.NewCustomEnv(append(variables(),
		cel.StdLib(), cel.ClearMacros(), ext.Network(),
		cel.ParserExpressionSizeLimit(maxCondition), cel.ParserRecursionLimit(maxNesting),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
	)...)
}

type compileFunc func(text string) (*condition, error)

// compiler makes its environment at the first condition: a policy without one
// need not carry the language.
func compiler() compileFunc {
	once := sync.OnceValues(language)
	return func(text string) (*condition, error) {
		env, err := once()
		if err != nil {
			return nil, err
		}
		return compile(env, text)
	}
}

// compile checks a condition: its syntax, its types, that its value is a truth
// value, and what it may cost. Errors are faults of kind Invalid.
func compile(env *cel.Env, text string) (*condition, error) {
	text = strings.Join(strings.Fields(text), " ")
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, badCondition(reason(issues))
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, badCondition("its value is " + ast.OutputType().String() + ", not true or false")
	}
	estimate, err := env.EstimateCost(ast, sizes{})
	if err != nil || estimate.Max > maxCost {
		return nil, badCondition("it may take too long")
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, badCondition(err.Error())
	}
	return &condition{text, program}, nil
}

func badCondition(why string) error {
	return fault.New(fault.Invalid, "not a condition: "+why).
		Fix("write CEL over max_tokens, n, tools, tool_types, images, stream, body_bytes, client, region, hour, weekday; for example max_tokens <= 4000 && !images")
}

// reason is the first of CEL's own words, and where in the condition.
func reason(issues *cel.Issues) string {
	first := issues.Errors()[0]
	message, _, _ := strings.Cut(first.Message, "\n")
	message, _, _ = strings.Cut(strings.TrimPrefix(message, "Syntax error: "), " expecting ")
	if at := first.Location.Column() + 1; at > 0 {
		message += fmt.Sprintf(" at character %d", at)
	}
	return message
}

// holds evaluates the condition. What cannot be evaluated does not hold, and
// why says so; it quotes the condition, never a fact: those are the caller's
// words.
func (c *condition) holds(f *Facts) (ok bool, why string) {
	a := &activation{Facts: f}
	value, _, err := c.program.Eval(a)
	switch {
	case err != nil && a.missing != "":
		return false, "(" + c.text + ") cannot be evaluated, " + a.missing + " is not known"
	case err != nil:
		return false, "(" + c.text + ") cannot be evaluated"
	case value != types.True:
		return false, "(" + c.text + ") does not hold"
	}
	return true, ""
}

// sizes tells the estimate how long facts can be.
type sizes struct{}

// EstimateSize is part of cost.Estimator.
func (sizes) EstimateSize(element cost.AstNode) *cost.SizeEstimate {
	path := element.Path()
	if len(path) == 0 {
		return nil
	}
	switch path[0] {
	case "region":
		return &cost.SizeEstimate{Max: maxRegion}
	case "tool_types":
		if len(path) > 1 {
			return &cost.SizeEstimate{Max: maxRegion}
		}
		return &cost.SizeEstimate{Max: openai.MaxToolTypes}
	}
	return nil
}

// EstimateCallCost is part of cost.Estimator; CEL's own costs are used.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
