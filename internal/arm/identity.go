package arm

const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities"

func identityKinds() []kind {
	return []kind{
		{typ: identityType, stateless: true, check: checkIdentity},
		{typ: identityType + "/federatedIdentityCredentials", stateless: true, check: checkFederated},
	}
}

func checkIdentity(w *writing) *refusal {
	w.keep("properties.principalId", "properties.clientId", "properties.tenantId")
	initial(w.doc, "properties.principalId", guidOf("principal", w.id, w.s.random(8)))
	initial(w.doc, "properties.clientId", guidOf("client", w.id, w.s.random(8)))
	initial(w.doc, "properties.tenantId", w.s.cfg.Tenant)
	return needLocation(w)
}

func checkFederated(w *writing) *refusal {
	p := object(w.doc, "properties")
	if text(p, "issuer") == "" || text(p, "subject") == "" || len(texts(p, "audiences")) == 0 {
		return badRequest("BadRequest", "A federated identity credential needs an issuer, a subject and audiences.")
	}
	for _, r := range w.siblings() {
		if text(r.doc, "properties.issuer") == text(p, "issuer") && text(r.doc, "properties.subject") == text(p, "subject") {
			return conflict("Conflict", "Issuer and subject combination already exists for this Managed Identity.")
		}
	}
	return nil
}
