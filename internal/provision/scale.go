package provision

// Gateway is how many gateways there are, and what they then have in common.
type Gateway struct {
	Replicas Replicas     `yaml:"replicas" doc:"how many run; default one"`
	Ledger   string       `yaml:"ledger" doc:"volume, a share with one writer, or postgresql, a database that takes the log of every replica; default volume"`
	Database Database     `yaml:"postgresql" doc:"the server of ledger postgresql"`
	Limits   SharedLimits `yaml:"shared_limits" doc:"the Redis in which several replicas count the limits of workloads together"`
}

// Replicas are how many gateways run.
type Replicas struct {
	Min   int `yaml:"min" doc:"least; default 1"`
	Max   int `yaml:"max" doc:"most, up to 1000; more than 1 needs ledger postgresql; default min"`
	Calls int `yaml:"calls" doc:"calls under way in one replica from which another is added; default 50"`
}

// Database is an Azure Database for PostgreSQL.
type Database struct {
	SKU           string `yaml:"sku" doc:"default GP_Standard_D2ds_v5"`
	BackupDays    int    `yaml:"backup_days" doc:"days of backups, 7 to 35; default 14"`
	ZoneRedundant bool   `yaml:"zone_redundant" doc:"a standby in another zone, at twice the price; default no"`

	Administrators map[string]string `yaml:"administrators" doc:"Entra groups that administer it, by their names in Entra: object ids; one of them then makes the gateway's role; default the gateway's identity"`
}

func (d Database) given() bool {
	return d.SKU != "" || d.BackupDays != 0 || d.ZoneRedundant || len(d.Administrators) > 0
}

// SharedLimits are an Azure Managed Redis.
type SharedLimits struct {
	SKU       string `yaml:"sku" doc:"default Balanced_B0"`
	Single    bool   `yaml:"single" doc:"one node without a second beside it, at half the price; default no"`
	OnFailure string `yaml:"on_failure" doc:"while it is away: refuse calls, or alone: each gateway counts for itself; default refuse"`
}

const (
	onVolume     = "volume"
	onPostgreSQL = "postgresql"
)

func (g Gateway) max() int { return max(g.Replicas.Max, g.Replicas.Min, 1) }

// shared says whether several gateways count limits together.
func (g Gateway) shared() bool { return g.max() > 1 }

func (g Gateway) check(report func(path, what, fix string), portal bool) {
	r := g.Replicas
	if r.Min < 0 || r.Max < 0 || r.Max > 0 && r.Max < r.Min || g.max() > 1000 || r.Calls < 0 {
		report("gateway.replicas", "not a range", "give min of at least 1, max from min to 1000, and calls of at least 1")
	}
	switch g.Ledger {
	case "", onVolume, onPostgreSQL:
	default:
		report("gateway.ledger", "not a place of a ledger", "use volume or postgresql")
	}
	if portal && g.shared() {
		report("gateway.replicas", "a portal's members are enrolled once", "leave max at 1 where there is a portal")
	} else if g.Ledger != onPostgreSQL && g.shared() {
		report("gateway.replicas", "a ledger on a volume has one writer", "add ledger: postgresql, or leave max at 1")
	}
	if g.Ledger != onPostgreSQL && g.Database.given() {
		report("gateway.postgresql", "the ledger is on a volume", "add ledger: postgresql")
	}
	if g.Ledger == onPostgreSQL && portal {
		report("gateway.ledger", "a portal's members keep their keys on the volume, and a ticket is used once", "leave ledger at volume, with one replica, where there is a portal")
	}
	if d := g.Database.BackupDays; d != 0 && (d < 7 || d > 35) {
		report("gateway.postgresql.backup_days", "out of range", "Azure keeps backups for 7 to 35 days")
	}
	for name, id := range g.Database.Administrators {
		if !subscript.MatchString(id) {
			report("gateway.postgresql.administrators."+name, "not an object id", "write the GUID that `az ad group show -g NAME --query id` gives")
		}
	}
	if !g.shared() && g.Limits != (SharedLimits{}) {
		report("gateway.shared_limits", "one gateway shares its limits with nobody", "raise replicas.max, or leave it out")
	}
	switch g.Limits.OnFailure {
	case "", "refuse", "alone":
	default:
		report("gateway.shared_limits.on_failure", "not a way to go on", "use refuse or alone")
	}
}

// variables are those of module gateway that differ from its defaults; nil
// where none does.
func (g Gateway) variables() map[string]any {
	v := variables{}
	r := variables{}
	r.set("min", g.Replicas.Min, g.Replicas.Min > 0)
	r.set("max", g.max(), g.shared())
	r.set("calls", g.Replicas.Calls, g.Replicas.Calls > 0)
	v.set("replicas", r, len(r) > 0)
	v.set("ledger", g.Ledger, g.Ledger != "")
	d := variables{}
	d.set("sku", g.Database.SKU, g.Database.SKU != "")
	d.set("backup_days", g.Database.BackupDays, g.Database.BackupDays > 0)
	d.set("zone_redundant", true, g.Database.ZoneRedundant)
	groups := variables{}
	for name, id := range g.Database.Administrators {
		groups[name] = map[string]any{"id": id, "name": name}
	}
	d.set("administrators", groups, len(groups) > 0)
	v.set("postgresql", d, len(d) > 0)
	l := variables{}
	l.set("sku", g.Limits.SKU, g.Limits.SKU != "")
	l.set("high_availability", false, g.Limits.Single)
	l.set("on_failure", g.Limits.OnFailure, g.Limits.OnFailure != "")
	v.set("shared_limits", l, g.shared())
	return v
}

// zones are those of the gateway's private endpoints, beside the models'.
func (g Gateway) zones() []string {
	names := []string{"privatelink.azurecr.io", "privatelink.file.core.windows.net"}
	if g.Ledger == onPostgreSQL {
		names[1] = "privatelink.postgres.database.azure.com"
	}
	if g.shared() {
		names = append(names, "privatelink.redis.azure.net")
	}
	return names
}

// needed are the resource providers beside those of every estate.
func (g Gateway) needed() (names []string) {
	if g.Ledger == onPostgreSQL {
		names = append(names, "Microsoft.DBforPostgreSQL")
	}
	if g.shared() {
		names = append(names, "Microsoft.Cache")
	}
	return names
}
