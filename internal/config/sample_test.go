package config

import (
	"fmt"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// sample has every kind of field that a service may use.
type sample struct {
	Listen   string             `yaml:"listen" doc:"address to listen on" config:"required"`
	Timeout  time.Duration      `yaml:"timeout" doc:"longest call"`
	MaxBody  Size               `yaml:"max_body" doc:"largest request"`
	Verbose  bool               `yaml:"verbose"`
	Port     uint16             `yaml:"port" doc:"port of the admin API"`
	Level    int8               `yaml:"level"`
	Share    float64            `yaml:"share"`
	Ratio    float32            `yaml:"ratio"`
	Member   pki.ID             `yaml:"member"`
	Hosts    []string           `yaml:"hosts"`
	Backends []backend          `yaml:"backends" doc:"where calls go"`
	Models   map[string]*model  `yaml:"models" doc:"by deployment"`
	Weights  map[string]float64 `yaml:"weights"`
	Tree     *branch            `yaml:"tree"`
	Log      func(string)       // untagged: no part of the file
}

type backend struct {
	URL string      `yaml:"url" doc:"base address" config:"required"`
	Key *secret.Ref `yaml:"key" doc:"its key"`
}

// Check has a value receiver.
func (b backend) Check(report func(path, what, fix string)) {
	if len(b.URL) < 8 {
		report("url", fmt.Sprintf("too short (%d)", len(b.URL)), "write https://HOST")
	}
}

type model struct {
	Capacity int        `yaml:"capacity"`
	Token    secret.Ref `yaml:"token"`
}

// Check has a pointer receiver, and reports on what the file may not have.
func (m *model) Check(report func(path, what, fix string)) {
	if m.Capacity < 1 {
		report("capacity", "no capacity", "write at least 1")
	}
}

type branch struct {
	Name     string            `yaml:"name" config:"required"`
	Children []branch          `yaml:"children"`
	ByName   map[string]branch `yaml:"by/name" config:"required"`
	Hosts    []string          `yaml:"hosts" config:"required"`
}
