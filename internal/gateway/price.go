package gateway

import (
	"math"
	"strconv"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
)

// Price is what the tokens of some models cost. The prices are the company's
// own figures: Azure's differ by region, contract and month.
type Price struct {
	Models     []string `yaml:"models" config:"required" doc:"model names as the backend answers them, or deployments; * and ? match"`
	Currency   string   `yaml:"currency" config:"required" doc:"three letters, such as USD"`
	Prompt     float64  `yaml:"prompt" doc:"price of a million prompt tokens"`
	Cached     *float64 `yaml:"cached" doc:"price of a million cached prompt tokens; default that of prompt"`
	Completion float64  `yaml:"completion" doc:"price of a million completion tokens"`
}

const maxPrice = 1e6 // of a million tokens: one unit a token

// Check reports what the types cannot.
func (p *Price) Check(report func(path, what, fix string)) {
	for i, pattern := range p.Models {
		if _, err := openai.ParsePattern(pattern); err != nil {
			report("models["+strconv.Itoa(i)+"]", "not a pattern", "write names, with * for any characters and ? for one")
		}
	}
	if len(p.Currency) != 3 {
		report("currency", "not a currency", "write three letters, such as USD")
	}
	for _, f := range []struct {
		field string
		price float64
	}{{"prompt", p.Prompt}, {"cached", p.cached()}, {"completion", p.Completion}} {
		if !(f.price >= 0 && f.price <= maxPrice) {
			report(f.field, "not a price", "write the price of a million tokens, such as 2.5")
		}
	}
}

func (p *Price) cached() float64 {
	if p.Cached != nil {
		return *p.Cached
	}
	return p.Prompt
}

// prices are checked.
type prices []price

type price struct {
	Price
	models openai.Patterns
}

func parsePrices(list []Price) (prices, error) {
	var all prices
	for _, p := range list {
		models, err := openai.ParsePatterns(p.Models)
		if err != nil {
			return nil, fault.New(fault.Invalid, "a price names no models").At("gateway.prices").Because(err)
		}
		all = append(all, price{p, models})
	}
	return all, nil
}

// of is the cost of a call by the first price that names its model, or its
// deployment where the backend named none; nil without a price or without
// tokens. A price of a million tokens is that of one token in millionths.
func (all prices) of(model, deployment string, u ledger.Usage) *ledger.Cost {
	if model == "" {
		model = deployment
	}
	for _, p := range all {
		if u != (ledger.Usage{}) && (p.models.Match(model) || p.models.Match(deployment)) {
			micros := float64(u.Prompt-u.Cached)*p.Prompt + float64(u.Cached)*p.cached() + float64(u.Completion)*p.Completion
			return &ledger.Cost{Micros: int64(math.Round(micros)), Currency: p.Currency}
		}
	}
	return nil
}
