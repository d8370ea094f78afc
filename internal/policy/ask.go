package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
)

const maxQuestion = 4096 // bytes of a call or a caller as a person writes it

// ParseCall reads a call as a person writes it:
//
//	OPERATION [on DEPLOYMENT] [FACT=VALUE …]
//
// for example
//
//	chat/completions on gpt-4o max_tokens=4000 stream=true tools=1
//
// What is not said is as in a request that does not say it: no bound on
// max_tokens, no tools, no images. Client, region and body_bytes are then not
// known; the time is now. workload=NAME is the one that the call names. Errors
// are faults of kind Invalid.
func ParseCall(text string, now time.Time) (Call, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(text) > maxQuestion {
		return Call{}, badCall("empty or too long", "")
	}
	call := Call{Operation: openai.Operation(words[0])}
	if !slices.Contains(openai.Operations(), call.Operation) {
		return Call{}, badCall("no such operation", fmt.Sprintf("choose from %v", openai.Operations()))
	}
	words = words[1:]
	if len(words) > 0 && words[0] == "on" {
		if len(words) == 1 || strings.Contains(words[1], "=") || len(words[1]) > openai.MaxModel {
			return Call{}, badCall("no deployment after on", "")
		}
		call.Deployment, words = words[1], words[2:]
	}
	facts := FactsOf(call.Operation, openai.Peeked{Facts: openai.Facts{N: 1}})
	facts.Time = now.UTC()
	call.Facts = &facts
	seen := map[string]bool{}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || value == "" || seen[name] {
			return Call{}, badCall("a fact that is not NAME=VALUE, or stands twice", "")
		}
		seen[name] = true
		if err := call.say(name, value); err != nil {
			return Call{}, err
		}
	}
	facts.Tools = max(facts.Tools, int64(len(facts.ToolTypes)))
	return call, nil
}

func badCall(what, fix string) error {
	if fix == "" {
		fix = `write for example "chat/completions on gpt-4o max_tokens=4000 stream=true"`
	}
	return fault.New(fault.Invalid, "not a call: "+what).At("--call").Fix(fix)
}

// say notes one fact.
func (c *Call) say(name, value string) error {
	f := c.Facts
	ofBody := slices.Contains([]string{"max_tokens", "n", "tools", "tool_types", "images", "stream"}, name)
	if ofBody && f.Unread {
		return badCall("the gateway does not read "+name+" from a body of "+string(c.Operation), "leave it out")
	}
	var err error
	switch name {
	case "workload":
		c.Workload = value
	case "max_tokens":
		f.MaxTokens, err = number(value, openai.Unlimited)
	case "n":
		f.N, err = number(value, openai.Unlimited)
	case "tools":
		f.Tools, err = number(value, 1<<20)
	case "tool_types":
		if f.ToolTypes = strings.Split(value, ","); len(f.ToolTypes) > openai.MaxToolTypes {
			err = badCall("more than 16 tool_types", "")
		}
	case "images":
		f.Images, err = strconv.ParseBool(value)
	case "stream":
		f.Stream, err = strconv.ParseBool(value)
	case "body_bytes":
		f.BodyBytes, err = number(value, 1<<40)
	case "client":
		f.Client, err = netip.ParseAddr(value)
	case "region":
		f.Region = value
	case "time":
		f.Time, err = time.Parse(time.RFC3339, value)
	case "hour":
		err = f.atHour(value)
	case "weekday":
		err = f.onWeekday(value)
	default:
		return badCall("no such fact", "the facts are max_tokens, n, tools, tool_types, images, stream, body_bytes, client, region, time, hour, weekday; and workload")
	}
	if err != nil {
		return badCall("the value of "+name, "")
	}
	return nil
}

func number(value string, top int64) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err == nil && (n < 0 || n > top) {
		err = strconv.ErrRange
	}
	return n, err
}

func (f *Facts) atHour(value string) error {
	hour, err := number(value, 23)
	t := f.Time.UTC()
	f.Time = time.Date(t.Year(), t.Month(), t.Day(), int(hour), 0, 0, 0, time.UTC)
	return err
}

// onWeekday moves to the day of the same week.
func (f *Facts) onWeekday(value string) error {
	names := weekdays()
	day := int64(slices.Index(names[:], value) + 1)
	if day == 0 {
		var err error
		if day, err = number(value, 7); err != nil || day == 0 {
			return strconv.ErrRange
		}
	}
	f.Time = f.Time.UTC().AddDate(0, 0, int(day-weekday(f.Time)))
	return nil
}

// ParseCaller reads a caller as a person writes it, NAME=VALUE and commas
// between: of a token issuer, tenant, subject, name, app, groups and roles; or
// key alone; or certificate alone; or member, with attribute.NAME. A name may
// stand several times where it is a list's. A gateway key is given by its
// name, and the caller looks it up. Errors are faults of kind Invalid.
func ParseCaller(text string) (who identity.Principal, key string, err error) {
	if text == "" || len(text) > maxQuestion {
		return who, "", badCaller("empty or too long")
	}
	once := map[string]*string{
		"issuer": &who.Issuer, "tenant": &who.Tenant, "subject": &who.Subject, "name": &who.Name, "app": &who.App,
		"member": &who.Member, "key": &key, "certificate": new(string),
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		attribute, isAttribute := strings.CutPrefix(name, "attribute.")
		switch field := once[name]; {
		case !ok || value == "":
			return who, "", badCaller("an entry that is not NAME=VALUE")
		case name == "groups":
			who.Groups = append(who.Groups, value)
		case name == "roles":
			who.Roles = append(who.Roles, value)
		case isAttribute:
			if who.Attributes == nil {
				who.Attributes = map[string]string{}
			}
			who.Attributes[attribute] = value
		case field == nil:
			return who, "", badCaller("no such entry")
		case *field != "":
			return who, "", badCaller("an entry twice that there is one of")
		default:
			*field = value
		}
	}
	certificate := *once["certificate"]
	return who, key, complete(&who, key, certificate)
}

// complete fills in what follows from the rest, and refuses a caller of two
// kinds.
func complete(who *identity.Principal, key, certificate string) error {
	token := who.Issuer+who.Tenant+who.Subject+who.App != "" || len(who.Groups)+len(who.Roles) > 0
	kinds := 0
	for _, is := range []bool{key != "", certificate != "", who.Member != "", token} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return badCaller("one caller has a token, a key, a certificate, or a member's certificate")
	case who.Attributes != nil && who.Member == "":
		return badCaller("attributes are a member's")
	case certificate != "":
		who.Issuer, who.Subject = identity.CertificateIssuer, certificate
	case who.Member != "":
		who.Subject = who.Member
	case who.Issuer == identity.KeyIssuer || who.Issuer == identity.CertificateIssuer:
		return badCaller("that is no issuer of tokens")
	}
	return nil
}

func badCaller(what string) error {
	return fault.New(fault.Invalid, "not a caller: "+what).At("--as").
		Fix(`write for example "tenant=T,app=A,groups=G1,groups=G2", "key=NAME", "member=spiffe://demo/inlet/health-corp,attribute.team=research"`)
}
