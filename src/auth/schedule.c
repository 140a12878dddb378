#include "auth/schedule.h"

#define MINUTE_MS  (60 * 1000LL)
#define HOUR_MS	   (60 * MINUTE_MS)
#define AGE_MAX_MS (24 * HOUR_MS)

void schedule_init(struct schedule *s, int64_t now_ms)
{
	*s = (struct schedule){.next_ms = now_ms, .under_way = true};
}

bool schedule_ask(struct schedule *s, int64_t now_ms)
{
	if (s->under_way)
		return true;
	if (s->asked && now_ms - s->asked_ms < MINUTE_MS)
		return false;
	s->asked = true;
	s->asked_ms = now_ms;
	s->next_ms = now_ms;
	s->under_way = true;
	return true;
}

bool schedule_due(struct schedule *s, int64_t now_ms)
{
	if (now_ms < s->next_ms)
		return false;
	s->under_way = true;
	return true;
}

static int64_t lifetime_ms(int64_t max_age_s)
{
	if (max_age_s < 0)
		return HOUR_MS;
	if (max_age_s >= AGE_MAX_MS / 1000)
		return AGE_MAX_MS;
	return max_age_s * 1000 < MINUTE_MS ? MINUTE_MS : max_age_s * 1000;
}

void schedule_ended(struct schedule *s, int64_t now_ms, bool good,
		    int64_t max_age_s)
{
	s->under_way = false;
	s->next_ms = now_ms + (good ? lifetime_ms(max_age_s) : MINUTE_MS);
}
