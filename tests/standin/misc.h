/* The small answers: features, system_stats, models, object_info. Service
 * thread; the world's lock is not needed unless said. */
#ifndef STANDIN_MISC_H
#define STANDIN_MISC_H

#include "world.h"

void misc_features(const struct world *w, struct str *out);
void misc_system_stats(const struct world *w, struct str *out);
void misc_model_folders(const struct world *w, struct str *out);
/* false when there is no such folder */
bool misc_models(struct world *w, const char *folder, struct str *out);
/* name NULL for all */
void misc_object_info(struct world *w, const char *name, struct str *out);

#endif
