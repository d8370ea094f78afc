package chat

import "os"

func secretFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
