package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
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

// needsStacks refuses a directory that is not a copy of the modules.
func needsStacks(from fs.FS, at string) error {
	for _, stack := range []string{globalStack, workloadStack} {
		if _, err := fs.Stat(from, "stacks/"+stack+"/main.tf"); err != nil {
			return fault.New(fault.Invalid, "not a copy of the modules: there is no stacks/"+stack+"/main.tf").At(at).
				Fix("make one with `ostiary deploy modules DIR`, and change that")
		}
	}
	return nil
}

// Modules writes a copy of the modules to a directory that is empty or not there.
func Modules(dir string) error {
	if found, err := os.ReadDir(dir); err == nil && len(found) > 0 {
		return fault.New(fault.Invalid, "the directory is not empty").At(dir).Fix("name another: a copy that was changed is not written over")
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fault.New(fault.Invalid, "cannot make the directory").At(dir).Because(err)
	}
	if err := os.CopyFS(dir, modules.Files); err != nil {
		return fault.New(fault.Invalid, "cannot write the modules").At(dir).Because(err)
	}
	return nil
}

// isModule says whether a file belongs to a module: what Terraform keeps beside
// them and tests do not.
func isModule(name string) bool {
	ext := path.Ext(name)
	return (ext == ".tf" || ext == ".kql" || ext == ".tftpl") && path.Base(name) != backendFile
}

// unpack lays the modules out, and takes away what another version left.
func (w workspace) unpack(from fs.FS) error {
	root := filepath.Join(string(w), "modules")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return fault.New(fault.Invalid, "cannot make the working directory").At(string(w)).Because(err)
	}
	ours := map[string]bool{}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".terraform" || d.Name() == "tests"):
			return fs.SkipDir
		case d.IsDir() || !isModule(name):
			return nil
		}
		ours[name] = true
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		return replace(filepath.Join(root, name), data)
	})
	if err != nil {
		return fault.New(fault.Invalid, "cannot lay out the modules").At(root).Because(err)
	}
	return w.sweep(root, ours)
}

// sweep removes module files of another version; what Terraform keeps beside
// them stays.
func (w workspace) sweep(root string, ours map[string]bool) error {
	inside, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer func() { _ = inside.Close() }()
	var old []string
	err = fs.WalkDir(inside.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".terraform":
			return fs.SkipDir
		case !d.IsDir() && isModule(name) && !ours[name]:
			old = append(old, name)
		}
		return nil
	})
	for _, name := range old {
		err = errors.Join(err, inside.Remove(name))
	}
	return err
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
func replace(file string, data []byte) error {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}
