/** The fabric that a command talks to: its URL, the token, and plain requests to it. */
import type { CAC } from "cac";
import { FabricError, isErrorCode } from "../base/errors.ts";
import { connect, type Client } from "../sdk/index.ts";
import { UsageError } from "./exit.ts";

const DEFAULT_URL = "http://127.0.0.1:8787";

/** The options that every command has. */
export interface TargetOptions {
  readonly url?: string;
  readonly token?: string | number;
  readonly json?: boolean;
}

export interface Target {
  readonly url: string;
  readonly token: string | undefined;
}

/** Declares the options of `targetOf` for all commands. */
export function declareTarget(cli: CAC): void {
  cli.option("--url <url>", `Where the fabric is (SELVEDGE_URL, else ${DEFAULT_URL})`);
  cli.option("--token <token>", "Bearer token (SELVEDGE_TOKEN); an open fabric needs none");
  cli.option("--json", "Output for programs: JSON, one value a line");
}

/** The fabric meant by options and environment. Throws UsageError for what is no URL. */
export function targetOf(options: TargetOptions): Target {
  const text = options.url ?? process.env["SELVEDGE_URL"] ?? DEFAULT_URL;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(http|ws)s?:$/.test(url.protocol)) {
    throw new UsageError(`${text} is no URL of a fabric; it looks like ${DEFAULT_URL}`);
  }
  const token = options.token ?? process.env["SELVEDGE_TOKEN"];
  return { url: text, token: token === undefined || token === "" ? undefined : String(token) };
}

/** A native connection. Throws like `connect`. */
export async function connectTo(target: Target): Promise<Client> {
  return connect(target.url, { token: target.token });
}

/**
 * Sends a request, with `body` as JSON, and returns the answer. Throws the error in it, or `unavailable` when nothing
 * answers.
 */
export async function request(
  target: Target,
  method: "GET" | "POST" | "PUT",
  path: string,
  body?: unknown,
): Promise<Response> {
  const url = new URL(path, target.url);
  url.protocol = url.protocol.replace(/^ws/, "http");
  const headers = target.token === undefined ? {} : { Authorization: `Bearer ${target.token}` };
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new FabricError("unavailable", `nothing answers at ${target.url}: does the fabric run?`, { cause });
  }
  if (response.ok) return response;
  throw errorOf(await response.text(), response.status);
}

function errorOf(body: string, status: number): FabricError {
  try {
    const { error } = JSON.parse(body) as { error: { code: string; message: string } };
    if (isErrorCode(error.code)) return new FabricError(error.code, error.message);
  } catch {
    // Not from the fabric: something else answers under this URL.
  }
  return new FabricError("unavailable", `the answer is not from a fabric: HTTP status ${status}`);
}
