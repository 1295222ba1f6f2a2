#include "base/alloc.h"
#include "base/err.h"
#include "session/stage.h"
#include "support/suite.h"
#include <string.h>

SUITE(respond);

static struct stage st;

static void respond(struct stage *s, const uvmqtt_message_t *m) {
  static const uvmqtt_property_t type = {.id = UVMQTT_PROPERTY_CONTENT_TYPE,
                                         .value.str = "text"};
  uvmqtt_message_t answer = {
      .payload = {"42", 2}, .qos = 1, .properties = &type, .n_properties = 1};
  s->result =
      um_session_respond(&s->session, s->now, m, &answer, NULL, NULL, NULL);
}

Test(respond, responds_where_it_is_asked_to_with_the_same_correlation) {
  stage_begin(&st);
  st.on_message = respond;
  SAYS(&st, "PUBLISH topic=service response_topic=back/to/me "
            "correlation_data=xyz");
  cr_assert_eq(st.result, 0);
  HEARS(&st, "PUBLISH id=1 qos=1 topic=back/to/me payload=42 "
             "content_type=text");
  cr_assert_eq(st.correlation_len, 3);
  cr_assert_eq(memcmp(st.correlation, "xyz", 3), 0);
  stage_close(&st);
}

Test(respond, responds_without_correlation_data_when_there_is_none) {
  stage_begin(&st);
  st.on_message = respond;
  SAYS(&st, "PUBLISH topic=service response_topic=back");
  HEARS(&st, "PUBLISH id=1 qos=1 topic=back payload=42 content_type=text");
  cr_assert_eq(st.correlation_len, 0);
  stage_close(&st);
}

Test(respond, cannot_respond_to_what_names_no_topic) {
  stage_begin(&st);
  st.on_message = respond;
  SAYS(&st, "PUBLISH topic=service correlation_data=xyz");
  cr_assert_eq(st.result, UVMQTT_ENOTSUP);
  stage_close(&st);
}

static void respond_badly(struct stage *s, const uvmqtt_message_t *m) {
  uvmqtt_message_t answer = {.properties = m->properties,
                             .n_properties = m->n_properties};
  s->result =
      um_session_respond(&s->session, s->now, m, &answer, NULL, NULL, NULL);
}

Test(respond, refuses_an_answer_with_correlation_data_of_its_own) {
  stage_begin(&st);
  st.on_message = respond_badly;
  SAYS(&st, "PUBLISH topic=service response_topic=t correlation_data=xyz");
  cr_assert_eq(st.result, UVMQTT_EPROPERTY);
  HEARS(&st, "");
  stage_close(&st);
}

static void respond_without_memory(struct stage *s, const uvmqtt_message_t *m) {
  um_alloc_fail_at(1, true);
  respond(s, m);
  um_alloc_fail_at(0, false);
}

Test(respond, cannot_respond_without_memory) {
  stage_begin(&st);
  st.on_message = respond_without_memory;
  SAYS(&st, "PUBLISH topic=service response_topic=t");
  cr_assert_eq(st.result, UM_ENOMEM);
  HEARS(&st, "");
  stage_close(&st);
}
