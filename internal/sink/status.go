package sink

import "time"

// Status is how far a sink has the log.
type Status struct {
	Name   string    `json:"name"`
	Lag    uint64    `json:"lag"`             // entries that it has not acknowledged
	Oldest time.Time `json:"oldest,omitzero"` // of those the oldest record that was read; zero: none
}

// Status lists the sinks, in the order of the configuration.
func (set *Set) Status() []Status {
	all := []Status{}
	for _, s := range set.shippers {
		st := Status{Name: s.cfg.Name, Lag: s.lag()}
		if at := s.oldest.Load(); at != 0 {
			st.Oldest = time.Unix(0, at).UTC()
		}
		all = append(all, st)
	}
	return all
}
