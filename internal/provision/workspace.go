package provision

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/modules"
)

// workspace is the directory that a deployment works in: the modules of this
// binary, each stack's variables, plans, logs, and the state until storage can
// take it.
type workspace string

func (w workspace) stack(name string) string {
	return filepath.Join(string(w), "modules", "stacks", name)
}

func (w workspace) log(name string) string  { return filepath.Join(string(w), name+".log") }
func (w workspace) plan(name string) string { return filepath.Join(string(w), name+".plan") }

// unpack lays the modules out, and takes away what an older binary left.
func (w workspace) unpack() error {
	root := filepath.Join(string(w), "modules")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return fault.New(fault.Invalid, "cannot make the working directory").At(string(w)).Because(err)
	}
	ours := map[string]bool{}
	err := fs.WalkDir(modules.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ours[path] = true
		data, err := modules.Files.ReadFile(path)
		if err != nil {
			return err
		}
		return replace(filepath.Join(root, path), data)
	})
	if err != nil {
		return fault.New(fault.Invalid, "cannot lay out the modules").At(root).Because(err)
	}
	return w.sweep(root, ours)
}

// sweep removes module files of another version; what Terraform keeps beside
// them stays.
func (w workspace) sweep(root string, ours map[string]bool) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".terraform" {
			return filepath.SkipDir
		}
		rel, _ := filepath.Rel(root, path)
		if filepath.Ext(path) == ".tf" && !ours[filepath.ToSlash(rel)] && d.Name() != backendFile {
			return os.Remove(path)
		}
		return nil
	})
}

const backendFile = "backend.tf"

// configure writes a stack's variables and where its state lies; nil is beside
// the workspace's other files.
func (w workspace) configure(stack string, v variables, remote *State) error {
	data, err := v.json()
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(w.stack(stack), "terraform.tfvars.json"), data); err != nil {
		return fault.New(fault.Invalid, "cannot write the variables").At(w.stack(stack)).Because(err)
	}
	text := "terraform {\n  backend \"local\" {\n    path = " + quote(filepath.Join("..", "..", "..", stack+".tfstate")) + "\n  }\n}\n"
	if remote != nil {
		text = "terraform {\n  backend \"azurerm\" {\n    storage_account_name = " + quote(remote.Account) +
			"\n    container_name       = " + quote(remote.Container) +
			"\n    key                  = " + quote(stack+".tfstate") +
			"\n    use_azuread_auth     = true\n  }\n}\n"
	}
	return replace(filepath.Join(w.stack(stack), backendFile), []byte(text))
}

// quote is a string of HCL; names of Azure and paths hold no template.
func quote(s string) string {
	data, _ := json.Marshal(s)
	return string(bytes.ReplaceAll(data, []byte("${"), []byte("$${")))
}

// replace writes a file whole or not at all, and not if it is the same.
func replace(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
