/**
 * The fabric with a meter at what is billed: its own Worker and object classes, each input, SQL statement and R2 call
 * counted on its way. Locally the Worker and all objects share an isolate, and so this module's counters.
 */
import fabric, {
  LogWriter as Logger,
  Membership as Members,
  TopicRouter as Router,
} from "../../src/index.ts";
import { COUNTS_PATH, type Counts } from "./counts.ts";

export { ClusterLayout, ClusterNode } from "../../src/index.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Without input for this long an object hibernates. */
const HIBERNATES_MS = 10_000;

const counts: Mutable<Counts> = {
  workerRequests: 0,
  objectRequests: 0,
  objectFrames: 0,
  rowsRead: 0,
  rowsWritten: 0,
  awakeMs: 0,
  classA: 0,
  classB: 0,
};

/** Cursors whose rows are perhaps not all read yet. */
let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
const CURSORS_MAX = 1_000;

function settleCursors(): void {
  for (const cursor of cursors) {
    counts.rowsRead += cursor.rowsRead;
    counts.rowsWritten += cursor.rowsWritten;
  }
  cursors = [];
}

/** Counts what the storage of an object does from now on. */
function meter(storage: DurableObjectStorage): void {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  Object.defineProperty(sql, "exec", {
    value: (...args: Parameters<typeof exec>) => {
      const cursor = exec(...args);
      if (cursors.length >= CURSORS_MAX) settleCursors();
      cursors.push(cursor);
      return cursor;
    },
  });
  const setAlarm = storage.setAlarm.bind(storage);
  Object.defineProperty(storage, "setAlarm", {
    value: (...args: Parameters<typeof setAlarm>) => {
      counts.rowsWritten++;
      return setAlarm(...args);
    },
  });
}

/** Counts how long an object cannot sleep. */
class Wake {
  #lastMs = Date.now();

  input(): void {
    const nowMs = Date.now();
    counts.awakeMs += Math.min(nowMs - this.#lastMs, HIBERNATES_MS);
    this.#lastMs = nowMs;
  }
}

type RouterArguments = ConstructorParameters<typeof Router>;

export class TopicRouter extends Router {
  readonly #wake: Wake;

  constructor(...[ctx, env]: RouterArguments) {
    meter(ctx.storage);
    super(ctx, env);
    this.#wake = new Wake();
  }

  override fetch(request: Request): Response {
    counts.objectRequests++;
    this.#wake.input();
    return super.fetch(request);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    counts.objectFrames++;
    this.#wake.input();
    super.webSocketMessage(socket, message);
  }
}

type MembershipArguments = ConstructorParameters<typeof Members>;

/** The runtime answers heartbeats without the object: they are not seen here, and wake nobody. */
export class Membership extends Members {
  readonly #wake: Wake;

  constructor(...[ctx, env]: MembershipArguments) {
    meter(ctx.storage);
    super(ctx, env);
    this.#wake = new Wake();
  }

  override fetch(request: Request): Response {
    counts.objectRequests++;
    this.#wake.input();
    return super.fetch(request);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    counts.objectFrames++;
    this.#wake.input();
    super.webSocketMessage(socket, message);
  }

  override alarm(): Promise<void> {
    counts.objectRequests++;
    this.#wake.input();
    return super.alarm();
  }
}

type LoggerArguments = ConstructorParameters<typeof Logger>;

export class LogWriter extends Logger {
  readonly #wake: Wake;

  constructor(...[ctx, env]: LoggerArguments) {
    meter(ctx.storage);
    super(ctx, { ...env, LOGS: metered(env.LOGS) });
    this.#wake = new Wake();
  }

  override fetch(request: Request): Response {
    counts.objectRequests++;
    this.#wake.input();
    return super.fetch(request);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer) {
    counts.objectFrames++;
    this.#wake.input();
    return super.webSocketMessage(socket, message);
  }

  override alarm() {
    counts.objectRequests++;
    this.#wake.input();
    return super.alarm();
  }
}

const CLASS_OF: Readonly<Record<string, "classA" | "classB">> = {
  put: "classA",
  list: "classA",
  get: "classB",
  head: "classB",
};

/** A bucket whose operations are counted. */
function metered(bucket: R2Bucket): R2Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const kind = CLASS_OF[String(name)];
      return (...args: unknown[]): unknown => {
        if (kind !== undefined) counts[kind]++;
        return Reflect.apply(value, target, args);
      };
    },
  });
}

export default {
  fetch(request: Request, env: Parameters<typeof fabric.fetch>[1], ctx: ExecutionContext) {
    if (new URL(request.url).pathname === COUNTS_PATH) {
      settleCursors();
      return Response.json(counts);
    }
    counts.workerRequests++;
    return fabric.fetch(request, env, ctx);
  },
};
