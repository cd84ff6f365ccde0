// When CLIs renew their sign-ins.

/** They do it up to five minutes before the end (Claude Code); twice that, for clocks that differ. Ms. */
export const renewalMs = 600_000
