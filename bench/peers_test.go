package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// proxy is one that is compared.
type proxy struct {
	name, program string
	start         func(b *testing.B, listen string) *exec.Cmd // nil: the stub itself
	path          string                                      // asked for; empty means Azure's
	header        map[string]string                           // beside the token
}

// proxies begin with the unit of comparison.
func (r *rig) proxies(b *testing.B) []proxy {
	write := func(b *testing.B, name, format string, args ...any) string {
		b.Helper()
		path := filepath.Join(r.dir, name)
		if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	list := []proxy{
		{name: "reverseproxy", start: func(b *testing.B, listen string) *exec.Cmd {
			return start(b, "0", []string{"BENCH_ROLE=reverseproxy", "BENCH_LISTEN=" + listen, "BENCH_TARGET=http://" + r.stub, "GOMAXPROCS=1"}, os.Args[0])
		}},
		{name: "direct"},
	}
	for _, build := range builds() {
		list = append(list, proxy{name: build.name, start: func(b *testing.B, listen string) *exec.Cmd {
			dir := filepath.Join(r.dir, build.name)
			conf := write(b, build.name+".yaml", gatewayConfig, listen, "unix:"+profileSocket(r.dir, build.name), tenant, r.login.url, r.login.ca, r.stub, dir)
			path := build.path
			if path == "" {
				path = built(b, "ostiary")
			}
			return start(b, "0", []string{"GOMAXPROCS=1", "BENCH_KEY=none"}, path, "gateway", "--config", conf, "--log-level", "error")
		}})
	}
	return append(list,
		proxy{name: "nginx", program: "nginx", start: func(b *testing.B, listen string) *exec.Cmd {
			return start(b, "0", nil, "nginx", "-c", write(b, "nginx.conf", nginxConfig, r.dir, r.stub, listen), "-e", "stderr")
		}},
		proxy{name: "haproxy", program: "haproxy", start: func(b *testing.B, listen string) *exec.Cmd {
			return start(b, "0", nil, "haproxy", "-f", write(b, "haproxy.cfg", haproxyConfig, listen, r.stub))
		}},
		proxy{name: "caddy", program: "caddy", start: func(b *testing.B, listen string) *exec.Cmd {
			env := []string{"GOMAXPROCS=1", "HOME=" + r.dir, "XDG_CONFIG_HOME=" + r.dir, "XDG_DATA_HOME=" + r.dir}
			return start(b, "0", env, "caddy", "run", "--config", write(b, "Caddyfile", caddyConfig, listen, r.stub), "--adapter", "caddyfile")
		}},
		proxy{
			name: "portkey", program: "node", start: r.startPortkey, path: "/v1/chat/completions",
			header: map[string]string{"X-Portkey-Provider": "openai", "X-Portkey-Custom-Host": "http://" + r.stub + "/v1"},
		})
}

type build struct{ name, path string }

// builds of ours: what make build made, unless others are named.
func builds() []build {
	named := os.Getenv("BENCH_BUILDS")
	if named == "" {
		return []build{{name: "ostiary"}}
	}
	var all []build
	for _, each := range strings.Split(named, ",") {
		name, path, _ := strings.Cut(each, "=")
		all = append(all, build{name, path})
	}
	return all
}

// What Portkey needs; it calls hosts that are not public only if it is told to.
var portkeyPackages = []string{"@portkey-ai/gateway@1.15.2", "@hono/node-server@1.13.8"}

func (r *rig) startPortkey(b *testing.B, listen string) *exec.Cmd {
	dir := os.Getenv("BENCH_PORTKEY")
	if dir == "" {
		dir = filepath.Join(r.dir, "portkey")
		install := exec.CommandContext(b.Context(), "npm", append([]string{"install", "--prefix", dir, "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"}, portkeyPackages...)...)
		if out, err := install.CombinedOutput(); err != nil {
			b.Logf("NOT MEASURED: npm cannot install Portkey: %v\n%s", err, out)
			return nil
		}
	}
	server := filepath.Join(dir, "node_modules/@portkey-ai/gateway/build/start-server.js")
	port := listen[strings.LastIndexByte(listen, ':')+1:]
	return start(b, "0", []string{"NODE_ENV=production", "TRUSTED_CUSTOM_HOSTS=127.0.0.1"}, "node", server, "--port="+port, "--headless")
}

const (
	gatewayConfig = `gateway:
  listen: %q
  admin: %q
  entra:
    - {tenant: %q, authority: %q, ca: %q}
  workloads:
    - name: bench
      subjects: ["*"]
      limits: {requests_per_minute: 1000000000, tokens_per_minute: 1000000000000}
      grants: [{deployments: ["gpt-4o"], operations: ["chat/completions"]}]
  backends:
    - {name: stub, url: "http://%s", kind: azure, api_key: "env:BENCH_KEY"}
  ledger: {directory: %q}
`
	nginxConfig = `daemon off; worker_processes 1; pid %[1]s/nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000; upstream u { server %[2]s; keepalive 256; keepalive_requests 1000000; }
  server { listen %[3]s; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } } }
`
	caddyConfig = `{
  admin off
  auto_https off
  skip_install_trust
  log {
    output discard
  }
}
http://%s {
  reverse_proxy %s {
    flush_interval -1
  }
}
`
	haproxyConfig = `global
  maxconn 4000
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen l
  bind %s
  server s %s maxconn 4000
`
)
