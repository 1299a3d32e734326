package httpapi

import (
	"paicha/internal/directory"
	fieldsync "paicha/sync"

	"github.com/gofiber/fiber/v2"
)

// quarantine lists what waits for a supervisor, or was decided, newest first; state narrows it.
func (a *api) quarantine(c *fiber.Ctx) error {
	q, err := newListing(c, fieldsync.KindQuarantine, "receivedAt", true)
	if err != nil {
		return err
	}
	if err := q.text(c, "state"); err != nil {
		return err
	}
	return a.list(c, q)
}

// quarantined is one quarantined mutation, byte for byte, with what was decided about it.
func (a *api) quarantined(c *fiber.Ctx) error {
	d, s, err := a.one(c, fieldsync.KindQuarantine, c.Params("id"))
	if err != nil {
		return err
	}
	return respond(c, s.show(d))
}

// devices lists how the devices of the supervisor's regions do, those that were here last first.
func (a *api) devices(c *fiber.Ctx) error {
	q, err := newListing(c, fieldsync.KindHealth, "seenAt", true)
	if err != nil {
		return err
	}
	return a.list(c, q)
}

// revokeDevice takes a device out of use: its sessions end, and what it still pushes is quarantined.
func (a *api) revokeDevice(c *fiber.Ctx) error {
	if err := a.Accounts.RevokeDevice(c.UserContext(), directory.DeviceID(c.Params("id"))); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// wipeDevice has a device delete everything once it has handed in what it holds.
func (a *api) wipeDevice(c *fiber.Ctx) error {
	if err := a.Accounts.Wipe(c.UserContext(), directory.DeviceID(c.Params("id"))); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// stolenDevice has a device wiped at once, without its outbox.
func (a *api) stolenDevice(c *fiber.Ctx) error {
	if err := a.Accounts.ReportStolen(c.UserContext(), directory.DeviceID(c.Params("id"))); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
