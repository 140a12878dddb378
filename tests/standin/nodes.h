/*
 * What the node classes do. Each gives its outputs by run_out and fills n->ui;
 * false when it raised or was interrupted. Worker thread.
 */
#ifndef STANDIN_NODES_H
#define STANDIN_NODES_H

#include "run.h"

bool node_empty_image(struct run *r, struct enode *n);
bool node_load_image(struct run *r, struct enode *n);
bool node_load_mask(struct run *r, struct enode *n);
bool node_save_image(struct run *r, struct enode *n);
bool node_preview_image(struct run *r, struct enode *n);
bool node_scale(struct run *r, struct enode *n);
bool node_scale_by(struct run *r, struct enode *n);
bool node_invert(struct run *r, struct enode *n);
bool node_blend(struct run *r, struct enode *n);
bool node_batch(struct run *r, struct enode *n);
bool node_mask_to_image(struct run *r, struct enode *n);
bool node_image_to_mask(struct run *r, struct enode *n);
bool node_upscale_model(struct run *r, struct enode *n);

bool node_preview_any(struct run *r, struct enode *n);
bool node_primitive(struct run *r, struct enode *n);
bool node_concatenate(struct run *r, struct enode *n);
bool node_contains(struct run *r, struct enode *n);

/* pretended ones */
bool node_loader(struct run *r, struct enode *n);
bool node_load_file(struct run *r, struct enode *n);
bool node_condition(struct run *r, struct enode *n);
bool node_empty_latent(struct run *r, struct enode *n);
bool node_latent_upscale(struct run *r, struct enode *n);
bool node_noise(struct run *r, struct enode *n);
bool node_sigmas(struct run *r, struct enode *n);
bool node_sampler(struct run *r, struct enode *n);
bool node_decode(struct run *r, struct enode *n);
bool node_encode(struct run *r, struct enode *n);
bool node_pass(struct run *r, struct enode *n);
bool node_create_video(struct run *r, struct enode *n);
bool node_save_video(struct run *r, struct enode *n);

/* ours: whatever a test wants to have come out */
bool node_result(struct run *r, struct enode *n);

/* the recorder's own test nodes */
bool node_rc_raise(struct run *r, struct enode *n);
bool node_rc_preview(struct run *r, struct enode *n);
bool node_rc_block(struct run *r, struct enode *n);
bool node_rc_text(struct run *r, struct enode *n);
bool node_rc_numbers(struct run *r, struct enode *n);
bool node_rc_list(struct run *r, struct enode *n);

#endif
