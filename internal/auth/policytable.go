package auth

// Policy is the one table that decides. Columns: inspector, supervisor, enterprise, analyst, admin. Commands come first,
// then what each audience may pull, then routes; a route that acts on documents is decided again for each of them by
// the command or pull that it stands for.
var Policy = []Row{
	// Inspections: of the own team, in a place that the inspector has a grant for; an enterprise's only for 企业自查.
	{Action: "inspection.save", Inspector: Team, Supervisor: Team, Enterprise: SelfCheck},
	{Action: "inspection.submit", Inspector: Team, Supervisor: Team, Enterprise: SelfCheck},
	{Action: "inspection.amend", Inspector: Team, Supervisor: Team, Enterprise: SelfCheck},
	{Action: "inspection.settle", Inspector: Team, Supervisor: Region, Enterprise: SelfCheck},
	{Action: "inspection.remark", Supervisor: Region},
	{Action: "inspection.sign", Inspector: Team, Supervisor: Team, Enterprise: Enterprise}, // the enterprise's once it is submitted
	{Action: "inspection.decline", Inspector: Team, Supervisor: Team, Enterprise: Enterprise},
	{Action: "inspection.judge"}, // the server alone

	// Hazards: an enterprise acts on its own, which carry its token only after submission; lowering and accepting are a
	// supervisor's (宁可抓重、不可抓漏).
	{Action: "hazard.report", Inspector: Region, Supervisor: Region, Enterprise: Enterprise},
	{Action: "hazard.derive"}, // the server alone
	{Action: "hazard.confirm", Supervisor: Region},
	{Action: "hazard.withdraw", Supervisor: Region},
	{Action: "hazard.plan", Supervisor: Region, Enterprise: Enterprise},
	{Action: "hazard.rectify", Enterprise: Enterprise},
	{Action: "hazard.accept", Supervisor: Region},
	{Action: "hazard.reject", Supervisor: Region},
	{Action: "hazard.reopen", Supervisor: Region},
	{Action: "hazard.regrade", Supervisor: Region},
	{Action: "hazard.extend", Supervisor: Region},
	{Action: "hazard.list", Supervisor: Region},
	{Action: "hazard.transfer", Supervisor: Region},
	{Action: "hazard.exempt", Supervisor: Region},
	{Action: "hazard.remark", Supervisor: Region},

	// The rest of the field's work.
	{Action: "evidence.review", Supervisor: Region},
	{Action: "evidence.hold", Supervisor: Region},
	{Action: "evidence.release", Supervisor: Region},
	{Action: "conflict.resolve", Inspector: Team, Supervisor: Region},
	{Action: "quarantine.release", Supervisor: Region},
	{Action: "quarantine.dismiss", Supervisor: Region},
	{Action: "enforcement.record", Inspector: Region, Supervisor: Region},
	{Action: "activity.record", Inspector: Region, Supervisor: Region},
	{Action: "risk.save", Supervisor: Region, Enterprise: Enterprise},
	{Action: "task.plan", Supervisor: Region},
	{Action: "task.reveal", Supervisor: Region},
	{Action: "task.cancel", Supervisor: Region},
	{Action: "tip.submit", Public: true},
	{Action: "tip.handle", Supervisor: Region},
	{Action: "filing.freeze", Supervisor: Region},
	{Action: "filing.enter", Supervisor: Region},
	{Action: "pack.publish", Admin: Any},
	{Action: "enterprise.save", Supervisor: Region, Admin: Any},
	{Action: "user.save", Admin: Any},
	{Action: "user.disable", Admin: Any},
	{Action: "user.grant", Admin: Any},
	{Action: "device.revoke", Admin: Any},
	{Action: "device.stolen", Admin: Any},

	// Pulls, by the audience of the token that a document is seen through.
	{Action: "pull:inspection", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise, Analyst: Region},
	{Action: "pull:hazard", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise, Analyst: Region},
	{Action: "pull:evidence", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "pull:conflict", Inspector: Reach, Supervisor: Reach, Enterprise: Own},
	{Action: "pull:quarantine", Supervisor: Region},
	{Action: "pull:pack", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "pull:publication", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "pull:packDraft"}, // nobody: administrators read drafts by their routes
	{Action: "pull:standard", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "pull:region", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "pull:sector", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "pull:department", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "pull:enterprise", Inspector: Region, Supervisor: Region, Enterprise: Enterprise, Analyst: Region},
	{Action: "pull:user", Inspector: Own, Supervisor: Own, Enterprise: Own, Analyst: Own, Admin: Own},
	{Action: "pull:device", Inspector: Own, Supervisor: Own, Enterprise: Own, Analyst: Own, Admin: Own},
	{Action: "pull:task", Inspector: Reach, Supervisor: Region},
	{Action: "pull:enforcement", Inspector: Region, Supervisor: Region, Enterprise: Enterprise, Analyst: Region},
	{Action: "pull:activity", Inspector: Region, Supervisor: Region, Analyst: Region},
	{Action: "pull:risk", Inspector: Region, Supervisor: Region, Enterprise: Enterprise, Analyst: Region},
	{Action: "pull:tip", Supervisor: Region},
	{Action: "pull:filing", Supervisor: Region, Analyst: Region},
	{Action: "pull:credential"}, // nobody, ever
	{Action: "pull:blob"},       // the ledger's own
	{Action: "pull:scrub"},      // administrators read it by its route
	{Action: "pull:logHead"},    // the log's own
	{Action: "pull:logBatch"},
	{Action: "pull:logTile"},
	{Action: "pull:logSubject"},
	{Action: "pull:session"},
	{Action: "pull:claim"},
	{Action: "pull:receipt"},
	{Action: "pull:device-health", Supervisor: Region},
	{Action: "pull:chain"}, // the server's own

	// Routes that need no session.
	{Action: "GET /", Public: true},
	{Action: "GET /healthz", Public: true},
	{Action: "GET /readyz", Public: true},
	{Action: "GET /metrics", Public: true}, // on its own listener
	{Action: "GET /api/v1/openapi.yaml", Public: true},
	{Action: "POST /api/v1/auth/login", Public: true},
	{Action: "POST /api/v1/auth/refresh", Public: true},
	{Action: "POST /api/v1/auth/hand-in", Public: true}, // the device's key opens it
	{Action: "POST /api/v1/tips", Public: true},

	// Routes of everybody with a session.
	{Action: "POST /api/v1/auth/logout", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/me", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/regions", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/sectors", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/departments", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/packs", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/packs/:ref", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/packs/:ref/workbook", Supervisor: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/packs/:ref/rejudgement", Supervisor: Region, Analyst: Region},
	{Action: "GET /api/v1/standards", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "GET /api/v1/standards/:id", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},

	// Sync. Push is also open to people whose rights have ended (Service.VerifyDevice), to be quarantined.
	{Action: "POST /api/v1/sync/hello", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "POST /api/v1/sync/pull", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "POST /api/v1/sync/check", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},
	{Action: "POST /api/v1/sync/push", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "GET /api/v1/sync/events", Inspector: Any, Supervisor: Any, Enterprise: Any, Analyst: Any, Admin: Any},

	// Photos: uploads are the uploader's own, reading goes through a document that the user may see.
	{Action: "OPTIONS /api/v1/media", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "POST /api/v1/media", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "HEAD /api/v1/media/:id", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "PATCH /api/v1/media/:id", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "DELETE /api/v1/media/:id", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "POST /api/v1/photos/links", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "GET /api/v1/photos/:link", Public: true}, // whose link it is, and what they may see now, decides

	{Action: "OPTIONS /api/v1/uploads", Public: true}, // says only what tus can do here
	{Action: "POST /api/v1/uploads", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "HEAD /api/v1/uploads/:id", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "PATCH /api/v1/uploads/:id", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "DELETE /api/v1/uploads/:id", Inspector: Any, Supervisor: Any, Enterprise: Any},
	{Action: "GET /api/v1/inspections/:id/attestation", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise, Analyst: Region},
	{Action: "GET /api/v1/inspections/:id/photos/:sha256", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "GET /api/v1/inspections/:id/photos/:sha256/:size", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},

	// The console's lists and single documents.
	{Action: "GET /api/v1/inspections", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise, Analyst: Region},
	{Action: "GET /api/v1/inspections/:id", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise, Analyst: Region},
	{Action: "GET /api/v1/hazards", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise, Analyst: Region},
	{Action: "GET /api/v1/hazards/:id", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise, Analyst: Region},
	{Action: "GET /api/v1/inspections/:id/bundle", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "GET /api/v1/hazards/:id/bundle", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "GET /api/v1/hazards/:id/pairs", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "GET /api/v1/evidence/counts", Supervisor: Reach},
	{Action: "GET /api/v1/evidence", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "GET /api/v1/evidence/:id", Inspector: Reach, Supervisor: Reach, Enterprise: Enterprise},
	{Action: "GET /api/v1/enterprises", Inspector: Region, Supervisor: Region, Enterprise: Enterprise, Analyst: Region, Admin: Any},
	{Action: "GET /api/v1/enterprises/:id", Inspector: Region, Supervisor: Region, Enterprise: Enterprise, Analyst: Region, Admin: Any},
	{Action: "POST /api/v1/enterprises", Supervisor: Region, Admin: Any},
	{Action: "PUT /api/v1/enterprises/:id", Supervisor: Region, Admin: Any},
	{Action: "GET /api/v1/conflicts", Inspector: Reach, Supervisor: Reach},
	{Action: "GET /api/v1/quarantine", Supervisor: Region},
	{Action: "GET /api/v1/quarantine/:id", Supervisor: Region},
	{Action: "GET /api/v1/tasks", Inspector: Reach, Supervisor: Region},
	{Action: "GET /api/v1/tips", Supervisor: Region},
	{Action: "GET /api/v1/enforcements", Inspector: Region, Supervisor: Region, Enterprise: Enterprise, Analyst: Region},
	{Action: "GET /api/v1/activities", Inspector: Region, Supervisor: Region, Analyst: Region},
	{Action: "GET /api/v1/risks", Inspector: Region, Supervisor: Region, Enterprise: Enterprise, Analyst: Region},
	{Action: "POST /api/v1/commands", Inspector: Any, Supervisor: Any, Enterprise: Any},

	// Reports.
	{Action: "GET /api/v1/reports", Supervisor: Region, Analyst: Region},
	{Action: "GET /api/v1/reports/:name", Supervisor: Region, Analyst: Region},
	{Action: "GET /api/v1/reports/:name/xlsx", Supervisor: Region, Analyst: Region},
	{Action: "GET /api/v1/reports/:name/cells/:cell", Supervisor: Region, Analyst: Region},
	{Action: "POST /api/v1/reports/:name/file", Supervisor: Region},
	{Action: "GET /api/v1/filings", Supervisor: Region, Analyst: Region},
	{Action: "GET /api/v1/filings/:id", Supervisor: Region, Analyst: Region},

	// Administration.
	{Action: "GET /api/v1/scrubs", Admin: Any},
	{Action: "GET /api/v1/users", Admin: Any},
	{Action: "GET /api/v1/users/:id", Admin: Any},
	{Action: "POST /api/v1/users", Admin: Any},
	{Action: "PUT /api/v1/users/:id", Admin: Any},
	{Action: "POST /api/v1/users/:id/password", Admin: Any},
	{Action: "GET /api/v1/devices", Supervisor: Region},
	{Action: "POST /api/v1/devices/:id/revoke", Admin: Any},
	{Action: "POST /api/v1/devices/:id/wipe", Admin: Any},
	{Action: "POST /api/v1/devices/:id/stolen", Admin: Any},
	{Action: "POST /api/v1/packs/drafts", Admin: Any},
	{Action: "GET /api/v1/packs/drafts", Admin: Any},
	{Action: "GET /api/v1/packs/drafts/:hash", Admin: Any},
	{Action: "DELETE /api/v1/packs/drafts/:hash", Admin: Any},
	{Action: "POST /api/v1/packs/drafts/:hash/publish", Admin: Any},
	{Action: "POST /api/v1/packs/:ref/end", Admin: Any},
	{Action: "PUT /api/v1/standards/:id", Admin: Any},
	{Action: "POST /api/v1/standards/:id/end", Admin: Any},

	// The log. Its size tells that somebody is at work somewhere, so only those see a head who may know that.
	{Action: "GET /api/v1/audit/head", Supervisor: Any, Admin: Any},
	{Action: "GET /api/v1/audit/proof", Supervisor: Region, Admin: Any}, // administrators: of checklists and standards
	{Action: "GET /api/v1/audit/consistency", Supervisor: Any, Admin: Any},
}
