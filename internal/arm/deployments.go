package arm

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const templateType = "Microsoft.Resources/deployments"

// Template deployments, in a resource group and incremental: resources are
// written in the order of the template. Of the template language only
// [parameters('x')], [variables('x')] and [resourceGroup().location] are
// evaluated; a template that says more is refused, and not half done.

func templateKinds() []kind {
	return []kind{{
		typ: templateType, deleted: http.StatusAccepted, hidden: []string{"properties.template"},
		defaults: `{"properties":{"mode":"Incremental","outputs":{}}}`, check: checkTemplate, after: afterTemplate, show: showTemplate,
		actions: map[string]action{"exporttemplate": func(_ *Server, r *record, _ doc) (any, *refusal) {
			return doc{"template": clone(at(r.doc, "properties.template"))}, nil
		}},
	}}
}

func templateRoutes() []route {
	return []route{{
		method: http.MethodPost, pattern: inSubscription + "/resourceGroups/*/providers/Microsoft.Resources/deployments/*/validate",
		action: templateType + "/validate/action",
		answer: func(q *query, _ []string) (answer, *refusal) {
			if q.body == nil {
				return answer{}, badContent("the content is empty")
			}
			a, _ := parsePath(up(q.at.path))
			if q.s.records[fold(groupOf(a.path))] == nil {
				return answer{}, q.s.missing(a)
			}
			w := &writing{s: q.s, id: a.path, doc: cloneDoc(q.body), by: q.by}
			if no := checkTemplate(w); no != nil {
				return answer{}, no
			}
			return ok(doc{"id": a.path, "name": last(a.path), "type": templateType, "properties": doc{"mode": text(w.doc, "properties.mode"), "provisioningState": "Succeeded"}})
		},
	}}
}

func invalidTemplate(format string, args ...any) *refusal {
	return badRequest("InvalidTemplate", "Deployment template validation failed: '"+format+"'.", args...)
}

func checkTemplate(w *writing) *refusal {
	p := object(w.doc, "properties")
	if mode := text(p, "mode"); !strings.EqualFold(mode, "Incremental") && mode != "" {
		return badRequest("DeploymentModeNotSupported", "The deployment mode '%s' is not emulated; only Incremental is.", clip(mode))
	}
	if object(p, "template") == nil {
		return invalidTemplate("the template is missing")
	}
	_, no := w.expand()
	return no
}

// planned is a resource of a template, evaluated.
type planned struct {
	at   address
	body doc
}

// expand evaluates the resources of a template.
func (w *writing) expand() ([]planned, *refusal) {
	template := object(w.doc, "properties.template")
	var all []planned
	for _, r := range objects(template, "resources") {
		if r["resources"] != nil || r["scope"] != nil || r["copy"] != nil || r["condition"] != nil {
			return nil, invalidTemplate("nested resources, scopes, copies and conditions are not emulated")
		}
		value, no := w.evaluate(clone(r))
		if no != nil {
			return nil, no
		}
		body, _ := value.(doc)
		types, names := strings.Split(text(body, "type"), "/"), strings.Split(text(body, "name"), "/")
		if len(types) != len(names)+1 {
			return nil, invalidTemplate("The template resource '%s' for type '%s' has incorrect segment lengths. A nested resource type must have identical number of segments as its resource name.", clip(text(body, "name")), clip(text(body, "type")))
		}
		path := groupOf(w.id) + "/providers/" + types[0]
		for i, n := range names {
			path += "/" + types[i+1] + "/" + n
		}
		a, ok := parsePath(path)
		if !ok || a.tail != "" {
			return nil, invalidTemplate("the resource '%s' has no usable name", clip(text(body, "name")))
		}
		delete(body, "apiVersion")
		delete(body, "dependsOn")
		all = append(all, planned{a, body})
	}
	return all, nil
}

var reference = regexp.MustCompile(`^\[\s*(parameters|variables)\('([^']*)'\)\s*\]$`)

// evaluate replaces the expressions in a value.
func (w *writing) evaluate(v any) (any, *refusal) {
	switch v := v.(type) {
	case doc:
		for k, x := range v {
			if k == "dependsOn" {
				continue
			}
			x, no := w.evaluate(x)
			if no != nil {
				return nil, no
			}
			v[k] = x
		}
	case []any:
		for i, x := range v {
			x, no := w.evaluate(x)
			if no != nil {
				return nil, no
			}
			v[i] = x
		}
	case string:
		return w.expression(v)
	}
	return v, nil
}

func (w *writing) expression(s string) (any, *refusal) {
	if !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]") {
		return s, nil
	}
	if strings.HasPrefix(s, "[[") {
		return s[1:], nil
	}
	if s == "[resourceGroup().location]" {
		if g := w.s.records[fold(groupOf(w.id))]; g != nil {
			return text(g.doc, "location"), nil
		}
	}
	m := reference.FindStringSubmatch(s)
	if m == nil {
		return nil, invalidTemplate("the expression %s is not emulated", clip(s))
	}
	p := object(w.doc, "properties")
	if m[1] == "variables" {
		if v := object(p, "template.variables")[m[2]]; v != nil {
			return clone(v), nil
		}
		return nil, invalidTemplate("the template variable '%s' is not found", clip(m[2]))
	}
	if given, ok := object(p, "parameters")[m[2]].(doc); ok && given["value"] != nil {
		return clone(given["value"]), nil
	}
	if declared, ok := object(p, "template.parameters")[m[2]].(doc); ok && declared["defaultValue"] != nil {
		return clone(declared["defaultValue"]), nil
	}
	return nil, invalidTemplate("The value for the template parameter '%s' is not provided", clip(m[2]))
}

// afterTemplate writes the resources, with the caller's own rights.
func afterTemplate(w *writing) *refusal {
	all, no := w.expand()
	if no != nil {
		return no
	}
	var made []any
	for _, p := range all {
		q := &query{s: w.s, at: p.at, by: w.by}
		if no := q.may(w.s.kind(p.at.typ()).typ+"/write", p.at.path); no != nil {
			return no
		}
		r, no := w.s.put(p.at, p.body, w.by)
		if no != nil {
			return no
		}
		if no := w.s.review(w.s.records[fold(p.at.parent())]); no != nil {
			return no
		}
		made = append(made, doc{"id": r.id})
	}
	if made == nil {
		made = []any{}
	}
	w.s.amend(w.rec, func(d doc) { set(d, "properties.outputResources", made) })
	return nil
}

func showTemplate(s *Server, r *record, d doc) {
	set(d, "properties.correlationId", r.guid("correlation"))
	set(d, "properties.duration", "PT1S")
	var namespaces []string
	types := map[string][]any{}
	for _, o := range objects(d, "properties.outputResources") {
		k := s.kind(typeOf(text(o, "id")))
		if types[k.namespace()] == nil {
			namespaces = append(namespaces, k.namespace())
		}
		types[k.namespace()] = append(types[k.namespace()], doc{"resourceType": strings.TrimPrefix(k.typ, k.namespace()+"/"), "locations": []any{nil}})
	}
	slices.Sort(namespaces)
	providers := []any{}
	for _, ns := range namespaces {
		providers = append(providers, doc{"namespace": ns, "resourceTypes": types[ns]})
	}
	set(d, "properties.providers", providers)
}
