//go:build !unix

package upstream

// alive is false where the kernel cannot be asked: a connection is then used
// for one call only.
func (c *conn) alive() bool { return false }
