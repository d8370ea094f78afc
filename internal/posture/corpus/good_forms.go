package corpus

import "strings"

// Good estates that differ in how the document is written.

func childrenSeparate() *Document {
	d := hubAndSpoke()
	d.separate(true)
	return d
}

func childrenTwice() *Document {
	d := hubAndSpoke()
	d.separate(false)
	return d
}

// separate writes children that ARM also lists on their own as resources of
// their own, and takes them out of their parents if alone.
func (d *Document) separate(alone bool) {
	for _, r := range d.resources {
		p := Part{d, r}
		for _, path := range []string{
			"properties.subnets", "properties.virtualNetworkPeerings",
			"properties.securityRules", "properties.routes", "properties.privateEndpointConnections",
		} {
			children, is := p.Get(path).(list)
			if !is {
				continue
			}
			for _, c := range children {
				if o, is := copyOf(c).(object); is {
					d.Add(o)
				}
			}
			if alone {
				p.Remove(path)
			}
		}
	}
}

func oddCase() *Document {
	d := hubAndSpoke()
	n := 0
	for _, r := range d.resources {
		oddly(r, &n)
	}
	return d
}

// oddly changes the case of ids that lead somewhere, each in another way; a
// resource's own id keeps its case but for the word resourceGroups.
func oddly(v any, n *int) {
	switch v := v.(type) {
	case object:
		for _, k := range sortedKeys(v) {
			text, is := v[k].(string)
			_, own := v["properties"]
			switch {
			case !is:
				oddly(v[k], n)
			case !strings.HasPrefix(text, "/subscriptions/"):
			case own && k == "id":
				v[k] = strings.Replace(text, "/resourceGroups/", "/resourcegroups/", 1)
			default:
				v[k] = odd(text, *n)
				*n++
			}
		}
	case list:
		for _, e := range v {
			oddly(e, n)
		}
	}
}

func odd(id string, n int) string {
	switch n % 3 {
	case 0:
		return strings.ToLower(id)
	case 1:
		return strings.Replace(id, "/providers/Microsoft.", "/providers/microsoft.", 1)
	default:
		return strings.Replace(id, "/resourceGroups/rg-", "/resourceGroups/RG-", 1)
	}
}
