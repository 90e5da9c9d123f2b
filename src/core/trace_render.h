/* A trace for people and programs: timeline, JSON, Mermaid sequence diagram, one plain paragraph.
 */
#ifndef BANYAN_CORE_TRACE_RENDER_H
#define BANYAN_CORE_TRACE_RENDER_H

#include "core/trace.h"

/* The sentence of one event, with its template filled. */
void trace_sentence(const struct trace *t, const struct trace_event *e, struct text *out);
/* A timeline: time, arrow, who, what; sub-queries indented; a closing line with the budget spent.
 */
void trace_timeline(const struct trace *t, bool colour, struct text *out);
void trace_json(const struct trace *t, struct json *out);
/* A Mermaid `sequenceDiagram` of stub, resolver and the servers asked. */
void trace_mermaid(const struct trace *t, struct text *out);
/* One paragraph: what happened, whose fault it is, what to do. */
void trace_explain(const struct trace *t, struct text *out);

#endif
