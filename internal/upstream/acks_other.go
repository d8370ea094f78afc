//go:build !linux

package upstream

// delayAcks is for Linux.
func (c *conn) delayAcks() {}
