package provision

import (
	"time"

	"github.com/hashicorp/go-version"
)

// lastWords is how long the tool may take to end after it was interrupted: a
// private endpoint takes minutes to make, and the state waits for it.
const lastWords = 15 * time.Minute

func minimum() *version.Version { return version.Must(version.NewVersion(oldest)) }
