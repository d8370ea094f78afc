// Package provision makes and changes an estate with Terraform: one file says
// what is wanted, the embedded modules say how, and nothing is applied that is
// not shown to be private first.
//
// It guarantees the order (preflight, global, image, workload, proof), that a
// plan which is not private is not applied unless each finding is waived by
// name and date, that a run which failed or was interrupted goes on where it
// stopped, and that Terraform is interrupted once and then waited for, so that
// it releases its state. It keeps no secret: logins are the person's own.
//
// It does not judge: package posture does. It does not know what a resource
// costs, nor what Azure will refuse that preflight cannot ask.
package provision
