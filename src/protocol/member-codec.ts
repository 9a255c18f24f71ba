/** The fields of frames about nodes, as frame-codec.ts writes and reads them. */
import { list, optional, options, rowsOf, text, uint } from "./frame-fields.ts";
import { MEMBER_FRAME, type Departure, type Member, type MemberFrame, type ViewId } from "./member-frame.ts";

/** The elements of a frame. */
export function memberFields(frame: MemberFrame): unknown[] {
  switch (frame.type) {
    case "join":
      return [MEMBER_FRAME.join, frame.id, frame.name, frame.nodeType, frame.options];
    case "watch":
      return [MEMBER_FRAME.watch, frame.known === undefined ? null : viewIdFields(frame.known)];
    case "joined":
      return [MEMBER_FRAME.joined, frame.id, frame.nodeId, frame.options];
    case "view":
      return [
        MEMBER_FRAME.view,
        viewIdFields(frame.id),
        frame.base ?? null,
        frame.up.flatMap(({ name, nodeType, nodeId }) => [name, nodeType, nodeId]),
        frame.down.flatMap(({ name, nodeId }) => [name, nodeId]),
      ];
  }
}

/** The frame of this type, or undefined when it is none about nodes. Throws `invalid_message`. */
export function decodeMember(type: number, a: readonly unknown[]): MemberFrame | undefined {
  switch (type) {
    case MEMBER_FRAME.join:
      return {
        type: "join",
        id: uint(a[1], "id"),
        name: text(a[2], "name"),
        nodeType: text(a[3], "node type"),
        options: options(a[4]),
      };
    case MEMBER_FRAME.watch:
      return { type: "watch", known: optional(a[1], viewId) };
    case MEMBER_FRAME.joined:
      return {
        type: "joined",
        id: uint(a[1], "id"),
        nodeId: text(a[2], "node id"),
        options: options(a[3]),
      };
    case MEMBER_FRAME.view:
      return {
        type: "view",
        id: viewId(a[1]),
        base: optional(a[2], (v) => uint(v, "base")),
        up: texts(a[3], 3, "up").map(([name, nodeType, nodeId]): Member => ({
          name: name!,
          nodeType: nodeType!,
          nodeId: nodeId!,
        })),
        down: texts(a[4], 2, "down").map(([name, nodeId]): Departure => ({ name: name!, nodeId: nodeId! })),
      };
    default:
      return undefined;
  }
}

function viewIdFields({ life, number }: ViewId): unknown {
  return [life, number];
}

function viewId(v: unknown): ViewId {
  const a = list(v, "view");
  return { life: text(a[0], "life"), number: uint(a[1], "view number") };
}

/** Texts that stand flat, `width` for each node. */
function texts(v: unknown, width: number, field: string): string[][] {
  return rowsOf(v, width, field).map((row) => row.map((item) => text(item, field)));
}
