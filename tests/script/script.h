/* script/script.h: conversations written as text, played against a real
 * struct um_session with a clock that stands still.
 *
 * A file holds conversations, each begun by "== what it shows". The lines of
 * one are steps and, below each step, everything the session does because of
 * it, in order. Whatever it does that no line names is a failure, and so is a
 * line that nothing answers. "#" begins a comment. PACKET is a line of
 * support/packets.h.
 *
 * Steps
 *   config KEY=VALUE ...       see config_set in config.c; before "up", or
 *                              between connections
 *   up                         the transport is connected
 *   reached N                  before "up": the server with this number
 *   online [CONNACK words]     up, CONNECT whatever it says, CONNACK, "event
 *                              connected" whatever it says
 *   <- PACKET                  the server sends
 *   <+ PACKET                  behind it in the same chunk
 *   down CODE                  the transport is gone: EOF ECONNRESET 0 ...
 *   +N                         N ms pass; the session is woken when it asked
 *   block N                    N ms pass, nobody is woken before their end
 *   tick                       woken now, whatever the clock says
 *   publish [topic= payload= qos= retain= timeout= lane=URGENT|BULK
 *            PROPERTIES] [as NAME]
 *   subscribe FILTERS [PROPERTIES] [as NAME]      a/+:1,b:0n
 *   unsubscribe FILTERS [PROPERTIES] [as NAME]
 *   auth [data=] [PROPERTIES]                    answers "event auth"
 *   reauthenticate [data=] [PROPERTIES] [as NAME]
 *   ping
 *   leave REASON [PROPERTIES]
 *   cancel NAME
 *   cancel_all CODE
 *   ack N [REASON]             the N-th token that messages came with
 *   pause, resume              um_session_pause; um_session_resume and read_on
 *   kernel stop | kernel go    does the kernel take bytes by itself?
 *   written N                  it takes N
 *   store fails                for good (store=late)
 *   store done [N]             all, or N, batches are durable (store=late)
 *   on EVENT do STEP           once, inside the next such event: a request,
 *                              ack, auth, leave, cancel_all, halt, pause or
 *                              resume. EVENT is a word of the list below,
 *                              "completed NAME", "chunk begins|ends|aborted" or
 *                              "auth START|CONTINUE|SUCCESS"
 *   whole: WHY                 not played with the input cut
 *
 * What follows
 *   -> PACKET                  the session sends
 *   event connected|message|notice|auth|completed ...
 *   event chunk begins|ends|aborted ...   of one message; what it had in parts
 *                              is joined, and told by ends and aborted
 *   commit KIND ...            handed to the store
 *   fails CODE [reason= text=]                    the step's result
 *   state UP, deadline +N|never, flushed yes|no, paused yes|no, version 4|5,
 *   retry_now yes|no, counters unknown_acks=N duplicates=N,
 *   server [expiry= aliases= reference= information=]
 *                              asked after the step
 *
 * At the end all that is still pending is cancelled; each accepted request
 * must then have completed once, each refused one never. */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

/* Plays every conversation of the file: whole, byte by byte and cut in two at
 * each offset. Returns how many failed; each is told on stderr. */
int script_play(const char *path);

/* The same with the n-th allocation failing, for every n, and nothing expected
 * but that all requests complete, once. */
int script_play_without_memory(const char *path);

#endif
