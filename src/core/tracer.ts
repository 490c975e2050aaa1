/**
 * What the application tells of the way of single appends, as plain calls, so that it knows no tracing library. `tracing/`
 * implements it. While tracing is off there is no tracer at all: whoever would call it looks whether there is one, and
 * makes nothing for it.
 *
 *   append ──▶ commit     one statement, of many appends: a child of the first one that is traced, linked to the others
 *          └─▶ publish ──▶ deliver   on each other node; on the author's own it is the append's child
 */
/** W3C Trace Context: `00-<trace id>-<span id>-<flags>`. */
export type TraceParent = string

export type SpanName = 'append' | 'commit' | 'publish' | 'deliver'
export type Attributes = Readonly<Record<string, string | number | boolean>>

export interface Span {
  /** For what follows from it, on whichever node. */
  readonly parent: TraceParent
  /** @param failure why it is to be shown as failed */
  end(attributes?: Attributes, failure?: string): void
}

export interface Tracer {
  /**
   * @param parent undefined, or not one: this begins a trace
   * @returns undefined when this trace was not chosen to be looked at
   */
  start(
    name: SpanName,
    attributes: Attributes,
    parent?: TraceParent,
    links?: readonly TraceParent[],
  ): Span | undefined
}

const TRACE_PARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** Whether a header is worth keeping: whatever else clients send is not. */
export function isTraceParent(text: string): boolean {
  return TRACE_PARENT.test(text)
}
