package posture

import (
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// hcl is lines to put into the block of a resource, azurerm 5 syntax. The
// resource is named in a comment; names come from the estate, so they are
// quoted.
func hcl(kind string, t estate.Thing, lines ...string) string {
	return "# in " + kind + " " + labelOf(t) + "\n" + strings.Join(lines, "\n")
}

// labelOf is the quoted name of a resource, or its address in a plan.
func labelOf(t estate.Thing) string {
	b := t.Base()
	if b.Address != "" {
		return strings.Map(printable, b.Address)
	}
	return hclString(b.Name)
}

// hclString is a string literal of HCL, in which nothing is a template.
func hclString(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(text))
}

// printable drops what would end a line or hide a part of it.
func printable(r rune) rune {
	if strconv.IsPrint(r) {
		return r
	}
	return -1
}

// azSet changes properties of a resource whatever its type. It is empty where
// the resource has no ARM id yet.
func azSet(t estate.Thing, assignments ...string) string {
	return azIDs(t, "az resource update", "--set "+strings.Join(assignments, " "))
}

// azFor is an az command that names a resource by its id in some option. It is
// empty where the resource has no ARM id yet.
func azFor(t estate.Thing, command string) string {
	if !strings.HasPrefix(t.Base().ID, "/") {
		return ""
	}
	return command + " " + shell(t.Base().ID)
}

// azIDs is an az command for one resource.
func azIDs(t estate.Thing, command, options string) string {
	id := t.Base().ID
	if !strings.HasPrefix(id, "/") {
		return ""
	}
	return strings.TrimSpace(command + " --ids " + shell(id) + " " + options)
}

// shell quotes a word for a POSIX shell.
func shell(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// resourceGroupOf is the resource group that an ARM id lies in.
func resourceGroupOf(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) > 4 && strings.EqualFold(parts[3], "resourceGroups") {
		return parts[4]
	}
	return ""
}
