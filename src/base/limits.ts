/**
 * Every bound and default of the fabric, with unit and reason. A bound without a test at it and one past it is a
 * defect. Units stand last in names.
 */
import { LOG_LIMITS } from "./log-limits.ts";
import { DAY_MS, GIB, KIB, MIB } from "./units.ts";

export const LIMITS = {
  // Frames. workerd itself receives up to 32 MiB; past that a client is not told promptly, so ours is lower.
  /** Largest message of a JSON v1 client, bytes. The spec asks for at least 1 MiB. */
  jsonMessageBytesMax: 8 * MIB,
  /** Largest native or trunk frame, bytes. */
  frameBytesMax: 16 * MIB,
  /** Largest publish frame of a peer, bytes: what routers add to it, and deliver with it, still fits a frame. */
  publishFrameBytesMax: 14 * MIB,
  /** Largest event inside a native frame, bytes of payload. */
  eventBytesMax: 8 * MIB,
  /** Segments (runs of events with one topic) in one frame. */
  segmentsMax: 65_536,

  // Topics and subscriptions.
  /** Longest topic or prefix, bytes. */
  topicBytesMax: 4 * KIB,
  /** Prefixes of one peer. The spec asks for at least 1,024. */
  subscriptionsMax: 4096,
  /** The same in bytes: a trunk with its prefixes is one SQLite row (2 MB). */
  subscriptionBytesMax: 1 * MIB,
  /** Positions in one frame: those of all streams of all routers, with room for a layout before. */
  positionsMax: 2_048,
  /** Changes of its subscriptions that a native peer may have without an answer. */
  changesMax: 1_024,
  /** Highest connection number of a client: trunks count on from it (rule 1). */
  connectionMax: 2 ** 32,
  /** Routers in one layout; a subscription to "" opens a trunk to each. */
  routersMax: 64,
  /** Rows of earlier router tables in one layout, and routers outside of the table that a reader may come back from. */
  formerRoutersMax: 64,
  /** Earlier tables of which a router remembers what it had taken of publishers then. */
  tableErasMax: 8,
  /** JSON nesting, levels, as the reference's reader. */
  jsonNestingMax: 128,
  /** Value nesting in CBOR and in constructed values, levels. */
  valueNestingMax: 64,
  /** Text of one timespan, characters: exact arithmetic on its digits stays cheap. */
  timespanTextMax: 64,

  // A JSON v1 session.
  /** Messages that may wait for the acknowledgement of the subscription, bytes and count. */
  pipelineBytesMax: 16 * MIB,
  pipelineMessagesMax: 65_536,
  /** Time for the first frame, ms. A client that never subscribes holds a socket for nothing. */
  handshakeMs: 30_000,
  /** How long the connection of a refused subscription frame stays open, ms. */
  refusedLingerMs: 3_000,
  /** A subscription that spans routers is live within this time or refused, ms (rule 7). */
  subscribeMs: 5_000,
  /** How long a session lives on after its peer to publish what the peer had sent, ms. */
  drainMs: 20_000,
  /** Unacknowledged and unsent publishes of one session, bytes (rule 14: room for 60,000 ordinary events). */
  inboundQueueBytesMax: 32 * MIB,
  /** Token bucket of a JSON v1 reader (rule 14), bytes per second and bytes. */
  readerBytesPerSecond: 8 * MIB,
  readerBurstBytes: 64 * MIB,
  /** Buffers of all sessions of one isolate, bytes; past it new sessions are refused (rule 12). */
  isolateBufferBytesMax: 64 * MIB,

  // Peerings.
  /** Fabrics and endpoints that an event may have left on its way. */
  hopsMax: 16,
  /** Name of a fabric or endpoint, characters. */
  fabricNameMax: 128,
  /** Events that an endpoint remembers, so that none passes twice: at least so many, at most twice as many. */
  endpointSeenMax: 65_536,
  /** An endpoint that could not connect to a peer, or lost it, tries again after this time, ms (Broker: 10 s). */
  peerRetryMs: 10_000,
  /** What a peer may send to an endpoint before that has decided whether it may come in, bytes. */
  visitorBytesMax: 4 * MIB,
  /** Surveys of one context that are under way. */
  surveysMax: 4_096,

  // A native session.
  /** Publishes of one peer that are not acknowledged: what one costs beside its bytes is a few hundred more. */
  unacknowledgedPublishesMax: 65_536,
  /** Answers that one peer may ask for at will (PROTOCOL.md, N-21): a second, and at once. */
  answersPerSecond: 1_000,
  answersBurst: 10_000,
  /**
   * Events, both ways, after which a session of either kind asks its peer to connect again: half of the five minutes of
   * CPU that the platform gives it, at 1.5 microseconds an event (rule 15; `npm run bench -- fabric` shows the CPU).
   */
  sessionEventsMax: 100_000_000,
  /** How long a native peer that is asked to connect again may stay, ms. */
  goawayMs: 30_000,
  /** How long a server that is stopped waits for its peers to go, ms. */
  leaveMs: 1_000,

  // Trunks.
  /** Frames a session may have unacknowledged at one router. Few and large beats many and small. */
  publishWindowFrames: 32,
  /** Bytes a session may have unacknowledged at one router before it queues. */
  publishWindowBytes: 1 * MIB,
  /** Target size of one publish frame, bytes: a frame closes when it reaches this. */
  publishFrameBytes: 256 * KIB,
  /** Target size of one deliver frame, bytes. */
  deliverFrameBytes: 1 * MIB,
  /** Back-off of a lost trunk, ms: first try, factor 2, last. */
  trunkRetryMs: 50,
  trunkRetryMaxMs: 2_000,

  // Routers.
  /** A router quiet for this long writes its checkpoint, ms (rule 2). */
  checkpointMs: 2_000,
  /** A cold router waits this long for its listed trunks, ms (rule 6). */
  coldGraceMs: 1_000,
  /** Frames that a cold router buffers, bytes; over it, it starts without waiting. */
  coldBufferBytesMax: 16 * MIB,
  /** Sockets of one router (docs: 32,768 hibernatable). */
  trunksMax: 32_000,
  /** Bytes a router lets be under way to a reader without a word of it: by default, and at most. */
  readerWindowBytes: 1 * MIB,
  readerWindowBytesMax: 16 * MIB,
  /** Bytes that wait at a router for a reader that is behind: by default, and at most. */
  readerQueueBytes: 4 * MIB,
  readerQueueBytesMax: 32 * MIB,
  /** Bytes that wait at one router for all its readers. */
  routerQueueBytesMax: 48 * MIB,
  /** How long publishers wait for a reader with the policy `block`, ms (rule 13). */
  blockMs: 10_000,
  /** A router with unacknowledged output looks at it this often, ms: the timer keeps it awake (rule 12). */
  keepAwakeMs: 5_000,
  /** A reader acknowledges what it consumed at least this long after, ms, or when a quarter of its window is used. */
  creditMs: 100,
  /** Deliveries under way to readers that went, remembered until these come back and say which arrived (rule 38). */
  departedDeliveriesMax: 65_536,
  // Retention (rules 4, 10, 11).
  /** Prefixes with retention in one layout; each is a stream of its own to every reader that it concerns. */
  retentionsMax: 16,
  /** What one of them may ask for: ten years, what an object stores, and as many events as can be counted. */
  retentionSecondsMax: 315_360_000,
  retentionBytesMax: 10 * 1024 * MIB,
  retentionEventsMax: 1e12,
  /** Kept publishes that come within this time of the last ones are committed together, ms: the bill is per commit. */
  keepIntervalMs: 20,
  /** Kept publishes that wait for that, bytes; over it, they are committed at once. */
  keepHeldBytes: 4 * MIB,
  /** Frames that close a kept row, bytes. */
  keptRowBytes: 1 * MIB,
  /** What a router keeps before it notes its publishers' marks again, bytes: a start after a crash reads that much. */
  keptMarksBytes: 16 * MIB,
  /** A router that is awake drops what has expired this often, one that sleeps that often, ms. */
  expireMs: 1_000,
  expireAsleepMs: 60_000,
  /** Rows that it drops at once. */
  expireRowsMax: 10_000,
  /** What a router reads in one turn for all readers that are replayed to, bytes. */
  replayTurnBytes: 4 * MIB,
  /** What is read backwards for the last events of a history, and what of them is held for one reader, bytes. */
  historyScanBytes: 8 * MIB,
  historyHeldBytes: 4 * MIB,
  /** Events, and topics, that a history may ask for the last of. */
  historyEventsMax: 100_000,
  historyTopicsMax: 4_096,
  /** Histories that one reader may have asked for in one stream and not yet got. */
  historiesMax: 16,
  /** Topics in the cache of matches. */
  matchCacheTopicsMax: 8_192,
  /** Publishers whose marks a router remembers. */
  publishersMax: 65_536,
  /** Publishers whose marks the receiving end of a trunk remembers. */
  receiverPublishersMax: 8_192,
  /** Router tables, of which a receiver remembers the publishers apart. */
  receiverTablesMax: 4,

  // Objects.
  /** How long after its start a handler of alarms is tried again when it did not finish, ms (rule 36). */
  alarmRetryMs: 10_000,

  // Pools (rule 33).
  /** Pool events that a session may have under way, and bytes of them: what follows waits in the session. */
  poolWindowEvents: 2_048,
  poolWindowBytes: 1 * MIB,
  /** How long a pool event waits for a node that is there, ms: longer than it takes to find that one is not. */
  poolWaitMs: 20_000,
  /** How long after a node was not there the next try is made, ms, unless another view comes first. */
  poolRetryMs: 250,
  /** How often the cluster log is told that a pool is empty, ms. */
  poolWarnMs: 60_000,
  /** Handled pool events that a router remembers, for senders that ask again. */
  handledMax: 65_536,

  // Membership (rule 32). Nodes that are there are at most `nodesMax`.
  /** A native node says something at least this often, ms; after as much silence as three of these it is down. */
  heartbeatMs: 2_000,
  nodeSilenceMs: 6_000,
  /** After a restart of Membership, nodes have this long to come back before they are down, ms. */
  memberGraceMs: 10_000,
  /** Views come at most this often, ms: each one goes to all who watch. */
  viewMs: 1_000,
  /** Characters of a node's id. */
  nodeIdMax: 128,
  /** While there are nodes, an alarm starts Membership again this often should it have died, ms. */
  memberCheckMs: 60_000,
  /** Clients that come and go within `viewMs` and are reported; more are dropped and counted. */
  clientReportsMax: 4_096,
  /** Publishes and log batches of an object's reports that wait, rows each; past it new ones are dropped and counted. */
  memberReportsMax: 1_024,
  /** Events in one publish of reports: it is one row. */
  reportEventsMax: 4_096,

  // Scripts of a node (rule 31).
  /** Scripts of one node, and handlers of all of them. */
  scriptsMax: 64,
  scriptHandlersMax: 4_096,
  /** Events that one script may raise in one turn: a handler that raises its own event would never end. */
  scriptRaisedMax: 100_000,
  /** Scheduled events of one node, and how far ahead one may lie, ms: ten years. */
  scriptSchedulesMax: 16_384,
  scriptScheduleMsMax: 315_360_000_000,
  /** How long a `when` may wait, ms: it keeps its node awake. And how many may wait. */
  scriptWhenMsMax: 60_000,
  scriptWhensMax: 1_024,
  /** A key and a value of a script's state, bytes: a row holds 2 MB. */
  scriptStateKeyBytesMax: 1 * KIB,
  scriptStateValueBytesMax: 1 * MIB,
  /** Frames and bytes of one call that a router pushes to a node of the fabric with. */
  nodePushesMax: 256,
  nodePushBytes: 1 * MIB,
  /** Events of such a node for nodes of pools that wait; past it, further ones are reported and dropped. */
  nodePoolEventsMax: 16_384,
  /** Publishes and log batches of a node of the fabric that wait; over it, it takes no more pushes. */
  nodeOutboxMax: 512,

  // The layout.
  /** Nodes, pools and stores in one layout. */
  nodesMax: 8_192,
  poolsMax: 64,
  storesMax: 256,
  /** Longest name of a store, characters, and longest interval of a clone, ms. */
  storeNameMax: 256,
  storeIntervalMsMax: 30 * DAY_MS,
  /** Longest interval between tries to connect, ms. */
  connectRetryMsMax: DAY_MS,
  /** Keys whose round-robin positions one session remembers in a pool. */
  roundRobinKeysMax: 4_096,
  /** Loggers in one layout; each is named in every welcome. */
  loggersMax: 64,
  /** One document to or from ClusterLayout, bytes: a call's argument is a request header (rule 34). */
  layoutDocumentBytesMax: 16 * KIB,
  /** Body of a request that changes the layout, bytes. */
  layoutBodyBytesMax: 4 * KIB,
  /** The same of one that brings a whole layout, with as many nodes as there may be, bytes. */
  layoutApplyBytesMax: 2 * MIB,
  /** An isolate asks ClusterLayout for its run-time part at most this often, ms. */
  layoutCacheMs: 2_000,
  /** How long a connection waits for it before it goes by the last known one, ms. */
  layoutWaitMs: 1_000,

  // Stores (rules 23 to 30).
  /** A key and a value of a store, bytes of CBOR: a row holds 2 MB. */
  storeKeyBytesMax: 16 * KIB,
  storeValueBytesMax: 1 * MIB,
  /** What the entries of one store may count for, bytes: an object holds 10 GB, its logs included. */
  storeBytesMax: 8 * GIB,
  /** How far ahead an entry may expire, ms: ten years. */
  storeExpiryMsMax: 315_360_000_000,
  /** Entries that one turn expires when many are due; the others go in the next ones, or as they are asked for. */
  storeExpireRows: 4_096,
  /** One batch of changes in the log that clones catch up by, bytes; a change that is larger has one of its own. */
  storeBatchBytes: 512 * KIB,
  /** What the log of changes holds, bytes, and that of the keys that went; a clone behind both takes a snapshot. */
  storeDeltasBytes: 32 * MIB,
  storeTombstonesBytes: 16 * MIB,
  /** One frame of a snapshot: rows looked at, and bytes. */
  storeSnapshotRows: 8_192,
  storeSnapshotBytes: 512 * KIB,
  /** What all clones of a store are sent of snapshots and of the log in one turn, bytes. */
  storeTurnBytes: 4 * MIB,
  /** What a clone takes before it grants more, bytes. */
  storeCreditBytes: 4 * MIB,
  /** Keys or entries in one answer, and bytes. */
  storePageRows: 8_192,
  storePageBytes: 1 * MIB,
  /** Unanswered commands of one client at one store: their results are kept until it has them. */
  storeCommandsMax: 4_096,
  /** Commands that a client holds until its master takes them, bytes. */
  storeWritesBytesMax: 64 * MIB,
  /** Clients whose marks a store keeps, and for how long after the last command, ms (rule 23). */
  storeClientsMax: 16_384,
  storeMarkMs: 7 * DAY_MS,
  /** How late a command may come that says how long ago it was first sent, ms. */
  storeTransitMs: 60_000,

  // The native client.
  /** What a client's publishes may hold in memory until they are acknowledged, bytes. */
  clientBufferBytesMax: 64 * MIB,
  /** Events for nodes of pools that a client may have under way, bytes: what its session takes at once. */
  clientPoolWindowBytes: 8 * MIB,
  /** Back-off of a lost connection, ms: first try, factor 2, last; half of each is chance. */
  reconnectMs: 100,
  reconnectMaxMs: 10_000,
  /** Clients that are asked to connect again do so within this time, each at a moment of its own, ms. */
  goawaySpreadMs: 1_000,
  /** What events hold in a client that reads from a peer without credit, bytes; past it the connection is left. */
  clientHeldBytesMax: 64 * MIB,
  /** How long a request waits for its reply by default, ms. */
  requestMs: 5_000,
  /** A connection that says nothing for this long is asked, and after as long again given up, ms. */
  clientSilenceMs: 30_000,

  // Access.
  /** Shortest key of a deployment, bytes: HS256 is no stronger than its key (RFC 7518, 3.2). */
  keyBytesMin: 32,
  /** Keys that hold at a time: the one in use and the one before it, with room for a slow rotation. */
  keysMax: 4,
  /** Longest bearer token, bytes. */
  tokenBytesMax: 8 * KIB,
  /** Verified tokens that an isolate remembers. */
  tokenCacheMax: 1_024,
  /** Prefixes or streams in one claim of a token. */
  claimItemsMax: 256,

  ...LOG_LIMITS,
} as const;
