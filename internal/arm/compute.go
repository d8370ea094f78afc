package arm

import (
	"net/http"
	"strings"
)

const (
	vmType   = "Microsoft.Compute/virtualMachines"
	diskType = "Microsoft.Compute/disks"
)

func computeKinds() []kind {
	return []kind{
		{
			typ: vmType, hidden: []string{"properties.osProfile.adminPassword", "properties.osProfile.customData", "properties.userData"},
			defaults: `{"properties":{"storageProfile":{"dataDisks":[]},"osProfile":{"allowExtensionOperations":true,"requireGuestProvisionSignal":true,"secrets":[]}}}`,
			check:    checkVM, after: afterVM, show: showVM, gone: goneVM,
			actions: map[string]action{"start": nothing, "poweroff": nothing, "deallocate": nothing, "restart": nothing, "generalize": nothing},
		},
		{typ: vmType + "/extensions", hidden: []string{"properties.protectedSettings"}},
		{
			typ: diskType, created: http.StatusOK, check: needLocation, show: showDisk, keep: keepDisk,
			defaults: `{"sku":{"name":"Standard_LRS"},"properties":{"networkAccessPolicy":"AllowAll","publicNetworkAccess":"Enabled","encryption":{"type":"EncryptionAtRestWithPlatformKey"}}}`,
		},
		{typ: "Microsoft.Compute/sshPublicKeys", stateless: true},
	}
}

func checkVM(w *writing) *refusal {
	p := object(w.doc, "properties")
	nics := objects(p, "networkProfile.networkInterfaces")
	if len(nics) == 0 {
		return badRequest("InvalidParameter", "Virtual Machine %s must have at least one network interface.", last(w.id))
	}
	for i, n := range nics {
		nic, no := w.s.target(text(n, "id"), nicType, w.id)
		if no != nil {
			return no
		}
		for _, vm := range w.s.referrers(nic.id, vmType) {
			if vm.key() != fold(w.id) {
				return badRequest("NicInUse", "Network Interface %s is used by existing resource %s.", nic.id, vm.id)
			}
		}
		initial(n, "properties.primary", i == 0)
	}
	disk := object(p, "storageProfile.osDisk")
	if disk == nil {
		return badRequest("InvalidParameter", "Required parameter 'storageProfile.osDisk' is missing (null).")
	}
	w.keep("properties.osProfile.adminPassword")
	if w.doc["identity"] == nil {
		w.keep("identity") // Compute reads an identity that is left out as unchanged
	}
	if extra := object(p, "additionalCapabilities"); !flag(extra, "ultraSSDEnabled") && !flag(extra, "hibernationEnabled") {
		delete(p, "additionalCapabilities")
	}
	w.osDisk(disk)
	if id := text(disk, "managedDisk.id"); !strings.EqualFold(typeOf(id), diskType) || text(disk, "name") == "" {
		return badRequest("InvalidParameter", "The managed disk '%s' of the machine %s is none.", clip(id), last(w.id))
	}
	return needLocation(w)
}

// osDisk names the disk that comes with the machine.
func (w *writing) osDisk(disk doc) {
	before := doc{}
	if w.old != nil {
		before = object(w.old.doc, "properties.storageProfile.osDisk")
	}
	name := text(before, "name")
	if name == "" {
		name = last(w.id) + "_OsDisk_1_" + strings.ReplaceAll(guidOf("disk", w.id, w.s.random(4)), "-", "")
	}
	initial(disk, "name", name)
	initial(disk, "osType", "Linux")
	initial(disk, "caching", "None")
	initial(disk, "deleteOption", "Detach")
	initial(disk, "diskSizeGB", 30.0)
	initial(disk, "managedDisk.storageAccountType", "Standard_LRS")
	initial(disk, "managedDisk.id", groupOf(w.id)+"/providers/"+diskType+"/"+text(disk, "name"))
}

func afterVM(w *writing) *refusal {
	disk := object(w.doc, "properties.storageProfile.osDisk")
	a, ok := parsePath(text(disk, "managedDisk.id"))
	if !ok || w.s.records[fold(a.path)] != nil {
		return nil
	}
	_, no := w.s.put(a, doc{"location": text(w.doc, "location"), "sku": doc{"name": text(disk, "managedDisk.storageAccountType")}, "properties": doc{
		"osType": text(disk, "osType"), "diskSizeGB": disk["diskSizeGB"], "creationData": doc{"createOption": "FromImage"},
	}}, w.by)
	return no
}

func showVM(_ *Server, r *record, d doc) {
	set(d, "properties.vmId", r.guid("vm"))
	set(d, "properties.timeCreated", "2026-01-01T00:00:00Z")
	set(d, "properties.instanceView", instanceView())
}

func instanceView() doc {
	return doc{"vmAgent": doc{"vmAgentVersion": "2.9", "statuses": []any{}}, "statuses": []any{
		doc{"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"},
		doc{"code": "PowerState/running", "level": "Info", "displayStatus": "VM running"},
	}}
}

func goneVM(s *Server, r *record) {
	disk := object(r.doc, "properties.storageProfile.osDisk")
	if strings.EqualFold(text(disk, "deleteOption"), "Delete") {
		s.drop(fold(text(disk, "managedDisk.id")))
	}
}

func showDisk(s *Server, r *record, d doc) {
	set(d, "properties.uniqueId", r.guid("disk"))
	set(d, "properties.diskState", "Unattached")
	set(d, "properties.timeCreated", "2026-01-01T00:00:00Z")
	for _, vm := range s.referrers(r.id, vmType) {
		set(d, "properties.diskState", "Attached")
		d["managedBy"] = vm.id
	}
}

func keepDisk(s *Server, r *record) *refusal {
	for _, vm := range s.referrers(r.id, vmType) {
		return conflict("OperationNotAllowed", "Disk %s is attached to VM %s.", r.name(), vm.id)
	}
	return nil
}

func computeRoutes() []route {
	return []route{{
		method: http.MethodGet, pattern: "**/providers/Microsoft.Compute/virtualMachines/*/instanceView",
		answer: func(q *query, vars []string) (answer, *refusal) {
			id := vars[0] + "/providers/" + vmType + "/" + vars[1]
			if no := q.may(vmType+"/instanceView/read", id); no != nil {
				return answer{}, no
			}
			if q.s.records[fold(id)] == nil {
				a, _ := parsePath(id)
				return answer{}, q.s.missing(a)
			}
			return ok(instanceView())
		},
	}}
}
