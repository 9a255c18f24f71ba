/** The heartbeat on a membership trunk. Texts, because the runtime answers those without waking the object. */

/** What a session sends, and what comes back. */
export const HEARTBEAT = { ask: "beat", answer: "ok" } as const;

/** The Membership object of a fabric: there is one. */
export const MEMBERSHIP_NAME = "main";
