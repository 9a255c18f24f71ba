/** Ways for notices to leave: a webhook, and e-mail through Cloudflare's `send_email` binding. */
import type { Channel } from "./notice-deliveries.ts";
import type { Notice } from "./notice.ts";

/** Posts the notice as JSON. Rejects for every answer but 2xx. */
export function webhook(url: string, headers: Readonly<Record<string, string>> = {}): Channel {
  return async (notice) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(notice),
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}`);
  };
}

/** What the binding has: Workers' `SendEmail`. */
export interface EmailBinding {
  send(message: {
    readonly from: string;
    readonly to: string;
    readonly subject: string;
    readonly text: string;
  }): Promise<unknown>;
}

/** Mails the notice. Rejects with what the binding says. */
export function email(binding: EmailBinding, from: string, to: string): Channel {
  return async (notice) => {
    await binding.send({ from, to, subject: subjectOf(notice), text: textOf(notice) });
  };
}

/** One line: what came over the network must not make headers of its own. */
function subjectOf({ note, msg }: Notice): string {
  return `[selvedge] ${note}: ${msg}`.replace(/[\r\n]+/g, " ").slice(0, 200);
}

function textOf(notice: Notice): string {
  return Object.entries(notice)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}
