package estate

// linker is a reference that waits for what it refers to.
type linker interface{ link(byID map[string]Thing) }

func (r *Ref[T]) link(byID map[string]Thing) {
	if r.State == Known {
		r.To, _ = any(byID[fold(r.ID)]).(*T)
	}
}

func (r *Refs[T]) link(byID map[string]Thing) {
	for i := range r.Items {
		r.Items[i].link(byID)
	}
}

func (l *Link) link(byID map[string]Thing) {
	if l.State == Known {
		l.To = byID[fold(l.ID)]
	}
}
