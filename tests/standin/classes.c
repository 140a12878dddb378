#include "classes.h"
#include "nodes.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIDE(d) "'INT',{'default':" d ",'min':1,'max':16384,'step':1}"
#define LATENT_SIDE                                                            \
	"'INT',{'default':512,'min':16,'max':16384,'step':8,'tooltip':'in "    \
	"pixels'}"
#define BATCH                                                                  \
	"'batch_size':['INT',{'default':1,'min':1,'max':4096,'tooltip':"       \
	"'how many'}]"
#define SEED(name)                                                             \
	"'" name "':['INT',{'default':0,'min':0,'max':18446744073709551615,"   \
	"'control_after_generate':true,'tooltip':'the random seed'}]"
#define STEPS                                                                  \
	"'steps':['INT',{'default':20,'min':1,'max':10000,'tooltip':'steps'}]"
#define CFG                                                                    \
	"'cfg':['FLOAT',{'default':8.0,'min':0.0,'max':100.0,'step':0.1,"      \
	"'round':0.01,'tooltip':'guidance scale'}]"
#define SAMPLERS                                                               \
	"['euler','euler_cfg_pp','euler_ancestral','euler_ancestral_cfg_pp',"  \
	"'heun','heunpp2','exp_heun_2_x0','exp_heun_2_x0_sde','dpm_2',"        \
	"'dpm_2_ancestral','lms','dpm_fast','dpm_adaptive',"                   \
	"'dpmpp_2s_ancestral','dpmpp_2s_ancestral_cfg_pp','dpmpp_sde',"        \
	"'dpmpp_sde_gpu','dpmpp_2m','dpmpp_2m_cfg_pp','dpmpp_2m_sde',"         \
	"'dpmpp_2m_sde_gpu','dpmpp_2m_sde_heun','dpmpp_2m_sde_heun_gpu',"      \
	"'dpmpp_3m_sde','dpmpp_3m_sde_gpu','ddpm','lcm','ipndm','ipndm_v',"    \
	"'deis','res_multistep','res_multistep_cfg_pp',"                       \
	"'res_multistep_ancestral','res_multistep_ancestral_cfg_pp',"          \
	"'gradient_estimation','gradient_estimation_cfg_pp','er_sde',"         \
	"'seeds_2','seeds_3','sa_solver','sa_solver_pece','ddim','uni_pc',"    \
	"'uni_pc_bh2']"
#define SCHEDULERS                                                             \
	"['simple','sgm_uniform','karras','exponential','ddim_uniform',"       \
	"'beta','normal','linear_quadratic','kl_optimal']"
#define SAMPLING                                                               \
	"'sampler_name':[" SAMPLERS ",{'tooltip':'the algorithm'}],"           \
	"'scheduler':[" SCHEDULERS ",{'tooltip':'the noise schedule'}],"       \
	"'positive':['CONDITIONING',{'tooltip':'wanted'}],"                    \
	"'negative':['CONDITIONING',{'tooltip':'not wanted'}],"                \
	"'latent_image':['LATENT',{'tooltip':'what to denoise'}]"
#define UNIT(name, d)                                                          \
	"'" name "':['FLOAT',{'default':" d                                    \
	",'min':0.0,'max':1.0,'step':0.01,'tooltip':'amount'}]"
#define STRENGTH(name)                                                         \
	"'" name "':['FLOAT',{'default':1.0,'min':-100.0,'max':100.0,"         \
	"'step':0.01,'tooltip':'how strongly'}]"
#define METHODS "['nearest-exact','bilinear','area','bicubic','lanczos']"
#define PREFIX                                                                 \
	"'filename_prefix':['STRING',{'default':'ComfyUI','tooltip':"          \
	"'the start of the file name'}]"
#define CLIP_TYPES                                                             \
	"['stable_diffusion','stable_cascade','sd3','stable_audio','mochi',"   \
	"'ltxv','pixart','cosmos','lumina2','wan','hidream','chroma','ace',"   \
	"'omnigen2','qwen_image','hunyuan_image','flux2','ovis']"
#define DEVICE	"'device':[['default','cpu'],{'advanced':true}]"
#define SAVE_IN "'images':['IMAGE',{'tooltip':'The images to save.'}]"

static struct class table[] = {
	{"EmptyImage",
	 "'width':[" SIDE("512") "],'height':[" SIDE(
		 "512") "],"
			"'batch_size':['INT',{'default':1,'min':1,'max':4096}],"
			"'color':['INT',{'default':0,'min':0,'max':16777215,'"
			"step':1,"
			"'display':'color'}]",
	 NULL,
	 false,
	 "IMAGE",
	 0,
	 "Empty Image",
	 "image",
	 node_empty_image,
	 0,
	 0,
	 {0}},
	{"LoadImage",
	 "'image':[@input,{'image_upload':true}]",
	 NULL,
	 false,
	 "IMAGE,MASK",
	 C_ESSENTIAL | C_OWN_CHECK,
	 "Load Image",
	 "image",
	 node_load_image,
	 0,
	 0,
	 {0}},
	{"LoadImageMask",
	 "'image':[@input,{'image_upload':true}],"
	 "'channel':[['alpha','red','green','blue']]",
	 NULL,
	 false,
	 "MASK",
	 C_ESSENTIAL | C_OWN_CHECK,
	 "Load Image (as Mask)",
	 "image",
	 node_load_mask,
	 0,
	 0,
	 {0}},
	{"SaveImage",
	 SAVE_IN "," PREFIX,
	 NULL,
	 true,
	 "",
	 C_OUTPUT | C_ESSENTIAL,
	 "Save Image",
	 "image",
	 node_save_image,
	 0,
	 0,
	 {0}},
	{"PreviewImage",
	 "'images':['IMAGE']",
	 NULL,
	 true,
	 "",
	 C_OUTPUT | C_ESSENTIAL,
	 "Preview Image",
	 "image",
	 node_preview_image,
	 0,
	 0,
	 {0}},
	{"ImageScale",
	 "'image':['IMAGE'],'upscale_method':[" METHODS "],"
	 "'width':['INT',{'default':512,'min':0,'max':16384,'step':1}],"
	 "'height':['INT',{'default':512,'min':0,'max':16384,'step':1}],"
	 "'crop':[['disabled','center']]",
	 NULL,
	 false,
	 "IMAGE",
	 C_ESSENTIAL,
	 "Upscale Image",
	 "image/upscaling",
	 node_scale,
	 0,
	 0,
	 {0}},
	{"ImageScaleBy",
	 "'image':['IMAGE'],'upscale_method':[" METHODS "],"
	 "'scale_by':['FLOAT',{'default':1.0,'min':0.01,'max':8.0,"
	 "'step':0.01}]",
	 NULL,
	 false,
	 "IMAGE",
	 0,
	 "Upscale Image By",
	 "image/upscaling",
	 node_scale_by,
	 0,
	 0,
	 {0}},
	{"ImageInvert",
	 "'image':['IMAGE']",
	 NULL,
	 false,
	 "IMAGE",
	 C_ESSENTIAL,
	 "Invert Image",
	 "image",
	 node_invert,
	 0,
	 0,
	 {0}},
	{"ImageBlend",
	 "'image1':['IMAGE'],'image2':['IMAGE'],"
	 "'blend_factor':['FLOAT',{'default':0.5,'min':0.0,'max':1.0,"
	 "'step':0.01}],'blend_mode':[['normal','multiply','screen',"
	 "'overlay','soft_light','difference']]",
	 NULL,
	 false,
	 "IMAGE",
	 0,
	 "ImageBlend",
	 "image/postprocessing",
	 node_blend,
	 0,
	 0,
	 {0}},
	{"ImageBatch",
	 "'image1':['IMAGE'],'image2':['IMAGE']",
	 NULL,
	 false,
	 "IMAGE",
	 C_DEPRECATED,
	 "Batch Images",
	 "image",
	 node_batch,
	 0,
	 0,
	 {0}},
	{"MaskToImage",
	 "'mask':['MASK']",
	 NULL,
	 false,
	 "IMAGE",
	 0,
	 "Convert Mask to Image",
	 "mask",
	 node_mask_to_image,
	 0,
	 0,
	 {0}},
	{"ImageToMask",
	 "'image':['IMAGE'],'channel':[['red','green','blue','alpha']]",
	 NULL,
	 false,
	 "MASK",
	 0,
	 "Convert Image to Mask",
	 "mask",
	 node_image_to_mask,
	 0,
	 0,
	 {0}},
	{"PreviewAny",
	 "'source':['*',{}]",
	 NULL,
	 false,
	 "STRING",
	 C_OUTPUT | C_OUT_NEW,
	 "Preview as Text",
	 "utilities",
	 node_preview_any,
	 0,
	 0,
	 {0}},
	{"PrimitiveString",
	 "'value':['STRING',{'multiline':false}]",
	 NULL,
	 false,
	 "STRING",
	 C_V3,
	 "Text String",
	 "utilities/primitive",
	 node_primitive,
	 0,
	 0,
	 {0}},
	{"PrimitiveStringMultiline",
	 "'value':['STRING',{'multiline':true}]",
	 NULL,
	 false,
	 "STRING",
	 C_V3,
	 "Text String (Multiline)",
	 "utilities/primitive",
	 node_primitive,
	 0,
	 0,
	 {0}},
	{"PrimitiveInt",
	 "'value':['INT',{'min':-9223372036854775807,"
	 "'max':9223372036854775807,'control_after_generate':'fixed'}]",
	 NULL,
	 false,
	 "INT",
	 C_V3,
	 "Int",
	 "utilities/primitive",
	 node_primitive,
	 0,
	 0,
	 {0}},
	{"PrimitiveFloat",
	 "'value':['FLOAT',{'min':-9223372036854775807,"
	 "'max':9223372036854775807,'step':0.1}]",
	 NULL,
	 false,
	 "FLOAT",
	 C_V3,
	 "Float",
	 "utilities/primitive",
	 node_primitive,
	 0,
	 0,
	 {0}},
	{"PrimitiveBoolean",
	 "'value':['BOOLEAN',{}]",
	 NULL,
	 false,
	 "BOOLEAN",
	 C_V3,
	 "Boolean",
	 "utilities/primitive",
	 node_primitive,
	 0,
	 0,
	 {0}},
	{"StringConcatenate",
	 "'string_a':['STRING',{'multiline':true}],"
	 "'string_b':['STRING',{'multiline':true}],"
	 "'delimiter':['STRING',{'multiline':false,'default':''}]",
	 NULL,
	 false,
	 "STRING",
	 C_V3,
	 "Text Concatenate",
	 "utilities/string",
	 node_concatenate,
	 0,
	 0,
	 {0}},
	{"StringContains",
	 "'string':['STRING',{'multiline':true}],"
	 "'substring':['STRING',{'multiline':true}],"
	 "'case_sensitive':['BOOLEAN',{'default':true}]",
	 NULL,
	 false,
	 "BOOLEAN",
	 C_V3,
	 "Text Contains",
	 "utilities/string",
	 node_contains,
	 0,
	 0,
	 {0}},
	{"CheckpointLoaderSimple",
	 "'ckpt_name':[@checkpoints,{'tooltip':'The name of the checkpoint "
	 "(model) to load.'}]",
	 NULL,
	 false,
	 "MODEL,CLIP,VAE",
	 C_TIPS,
	 "Load Checkpoint",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"UNETLoader",
	 "'unet_name':[@diffusion_models],'weight_dtype':[['default',"
	 "'fp8_e4m3fn','fp8_e4m3fn_fast','fp8_e5m2']]",
	 NULL,
	 false,
	 "MODEL",
	 0,
	 "Load Diffusion Model",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"VAELoader",
	 "'vae_name':[@vae]",
	 NULL,
	 false,
	 "VAE",
	 0,
	 "Load VAE",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"CLIPLoader",
	 "'clip_name':[@text_encoders],'type':[" CLIP_TYPES "]",
	 DEVICE,
	 false,
	 "CLIP",
	 0,
	 "Load CLIP",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"DualCLIPLoader",
	 "'clip_name1':[@text_encoders],'clip_name2':[@text_encoders],"
	 "'type':[['sdxl','sd3','flux','hunyuan_video','hidream',"
	 "'hunyuan_image','newbie']]",
	 DEVICE,
	 false,
	 "CLIP",
	 0,
	 "DualCLIPLoader",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"TripleCLIPLoader",
	 "'clip_name1':[@text_encoders],'clip_name2':[@text_encoders],"
	 "'clip_name3':[@text_encoders]",
	 NULL,
	 false,
	 "CLIP",
	 C_V3,
	 "TripleCLIPLoader",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"LoraLoader",
	 "'model':['MODEL',{'tooltip':'to be changed'}],"
	 "'clip':['CLIP',{'tooltip':'to be changed'}],"
	 "'lora_name':[@loras,{'tooltip':'The name of the LoRA.'}]," STRENGTH(
		 "strength_model") "," STRENGTH("strength_clip"),
	 NULL,
	 false,
	 "MODEL,CLIP",
	 C_TIPS | C_ESSENTIAL,
	 "Load LoRA (Model and CLIP)",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"LoraLoaderModelOnly",
	 "'model':['MODEL'],'lora_name':[@loras]," STRENGTH("strength_model"),
	 NULL,
	 false,
	 "MODEL",
	 0,
	 "Load LoRA",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"CLIPVisionLoader",
	 "'clip_name':[@clip_vision]",
	 NULL,
	 false,
	 "CLIP_VISION",
	 0,
	 "Load CLIP Vision",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"ControlNetLoader",
	 "'control_net_name':[@controlnet]",
	 NULL,
	 false,
	 "CONTROL_NET",
	 0,
	 "Load ControlNet Model",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"ControlNetApply",
	 "'conditioning':['CONDITIONING'],'control_net':['CONTROL_NET'],"
	 "'image':['IMAGE'],'strength':['FLOAT',{'default':1.0,'min':0.0,"
	 "'max':10.0,'step':0.01}]",
	 NULL,
	 false,
	 "CONDITIONING",
	 C_DEPRECATED,
	 "Apply ControlNet (OLD)",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"UpscaleModelLoader",
	 "'model_name':[@upscale_models]",
	 NULL,
	 false,
	 "UPSCALE_MODEL",
	 C_V3,
	 "Load Upscale Model",
	 "model/loaders",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"ImageUpscaleWithModel",
	 "'upscale_model':['UPSCALE_MODEL'],'image':['IMAGE']",
	 NULL,
	 false,
	 "IMAGE",
	 C_V3,
	 "Upscale Image (using Model)",
	 "image/upscaling",
	 node_upscale_model,
	 0,
	 0,
	 {0}},
	{"CLIPSetLastLayer",
	 "'clip':['CLIP'],'stop_at_clip_layer':['INT',{'default':-1,"
	 "'min':-24,'max':-1,'step':1}]",
	 NULL,
	 false,
	 "CLIP",
	 0,
	 "CLIP Set Last Layer",
	 "model/patch",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"ModelSamplingFlux",
	 "'model':['MODEL'],'max_shift':['FLOAT',{'default':1.15,'min':0.0,"
	 "'max':100.0,'step':0.01}],'base_shift':['FLOAT',{'default':0.5,"
	 "'min':0.0,'max':100.0,'step':0.01}],'width':[" LATENT_SIDE
	 "],'height':[" LATENT_SIDE "]",
	 NULL,
	 false,
	 "MODEL",
	 0,
	 "ModelSamplingFlux",
	 "model/patch",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"ModelSamplingSD3",
	 "'model':['MODEL'],'shift':['FLOAT',{'default':3.0,'min':0.0,"
	 "'max':100.0,'step':0.01}]",
	 NULL,
	 false,
	 "MODEL",
	 0,
	 "ModelSamplingSD3",
	 "model/patch",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"ModelSamplingAuraFlow",
	 "'model':['MODEL'],'shift':['FLOAT',{'default':1.73,'min':0.0,"
	 "'max':100.0,'step':0.01}]",
	 NULL,
	 false,
	 "MODEL",
	 0,
	 "ModelSamplingAuraFlow",
	 "model/patch",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"CLIPTextEncode",
	 "'text':['STRING',{'multiline':true,'dynamicPrompts':true,"
	 "'tooltip':'The text to be encoded.'}],"
	 "'clip':['CLIP',{'tooltip':'the encoder'}]",
	 NULL,
	 false,
	 "CONDITIONING",
	 C_TIPS,
	 "CLIP Text Encode (Prompt)",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"CLIPTextEncodeFlux",
	 "'clip':['CLIP'],'clip_l':['STRING',{'multiline':true,"
	 "'dynamicPrompts':true}],'t5xxl':['STRING',{'multiline':true,"
	 "'dynamicPrompts':true}],'guidance':['FLOAT',{'default':3.5,"
	 "'min':0.0,'max':100.0,'step':0.1}]",
	 NULL,
	 false,
	 "CONDITIONING",
	 C_V3,
	 "CLIPTextEncodeFlux",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"CLIPTextEncodeSDXL",
	 "'clip':['CLIP'],'width':['INT',{'default':1024,'min':0,"
	 "'max':16384}],'height':['INT',{'default':1024,'min':0,"
	 "'max':16384}],'crop_w':['INT',{'default':0,'min':0,'max':16384}],"
	 "'crop_h':['INT',{'default':0,'min':0,'max':16384}],"
	 "'target_width':['INT',{'default':1024,'min':0,'max':16384}],"
	 "'target_height':['INT',{'default':1024,'min':0,'max':16384}],"
	 "'text_g':['STRING',{'multiline':true,'dynamicPrompts':true}],"
	 "'text_l':['STRING',{'multiline':true,'dynamicPrompts':true}]",
	 NULL,
	 false,
	 "CONDITIONING",
	 C_V3,
	 "CLIPTextEncodeSDXL",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"ConditioningZeroOut",
	 "'conditioning':['CONDITIONING']",
	 NULL,
	 false,
	 "CONDITIONING",
	 0,
	 "ConditioningZeroOut",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"ConditioningCombine",
	 "'conditioning_1':['CONDITIONING'],'conditioning_2':"
	 "['CONDITIONING']",
	 NULL,
	 false,
	 "CONDITIONING",
	 0,
	 "Conditioning (Combine)",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"ConditioningConcat",
	 "'conditioning_to':['CONDITIONING'],'conditioning_from':"
	 "['CONDITIONING']",
	 NULL,
	 false,
	 "CONDITIONING",
	 0,
	 "Conditioning (Concat)",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"ConditioningSetTimestepRange",
	 "'conditioning':['CONDITIONING']," UNIT("start",
						 "0.0") "," UNIT("end", "1.0"),
	 NULL,
	 false,
	 "CONDITIONING",
	 0,
	 "ConditioningSetTimestepRange",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"FluxGuidance",
	 "'conditioning':['CONDITIONING'],'guidance':['FLOAT',{'default':3.5,"
	 "'min':0.0,'max':100.0,'step':0.1}]",
	 NULL,
	 false,
	 "CONDITIONING",
	 C_V3,
	 "FluxGuidance",
	 "model/conditioning",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"EmptyLatentImage",
	 "'width':[" LATENT_SIDE "],'height':[" LATENT_SIDE "]," BATCH,
	 NULL,
	 false,
	 "LATENT",
	 C_TIPS,
	 "Empty Latent Image",
	 "model/latent",
	 node_empty_latent,
	 0,
	 0,
	 {0}},
	{"EmptySD3LatentImage",
	 "'width':['INT',{'default':1024,'min':16,'max':16384,'step':16}],"
	 "'height':['INT',{'default':1024,'min':16,'max':16384,'step':16}],"
	 "'batch_size':['INT',{'default':1,'min':1,'max':4096}]",
	 NULL,
	 false,
	 "LATENT",
	 C_V3,
	 "EmptySD3LatentImage",
	 "model/latent",
	 node_empty_latent,
	 0,
	 0,
	 {0}},
	{"LatentUpscale",
	 "'samples':['LATENT'],'upscale_method':[['nearest-exact','bilinear',"
	 "'area','bicubic','bislerp']],'width':['INT',{'default':512,'min':0,"
	 "'max':16384,'step':8}],'height':['INT',{'default':512,'min':0,"
	 "'max':16384,'step':8}],'crop':[['disabled','center']]",
	 NULL,
	 false,
	 "LATENT",
	 0,
	 "Upscale Latent",
	 "model/latent",
	 node_latent_upscale,
	 0,
	 0,
	 {0}},
	{"LatentUpscaleBy",
	 "'samples':['LATENT'],'upscale_method':[['nearest-exact','bilinear',"
	 "'area','bicubic','bislerp']],'scale_by':['FLOAT',{'default':1.5,"
	 "'min':0.01,'max':8.0,'step':0.01}]",
	 NULL,
	 false,
	 "LATENT",
	 0,
	 "Upscale Latent By",
	 "model/latent",
	 node_latent_upscale,
	 0,
	 0,
	 {0}},
	{"KSampler",
	 "'model':['MODEL',{'tooltip':'the model'}]," SEED(
		 "seed") "," STEPS "," CFG "," SAMPLING
			 "," UNIT("denoise", "1.0"),
	 NULL,
	 false,
	 "LATENT",
	 C_TIPS,
	 "KSampler",
	 "model/sampling",
	 node_sampler,
	 0,
	 0,
	 {0}},
	{"KSamplerAdvanced",
	 "'model':['MODEL'],'add_noise':[['enable','disable']]," SEED(
		 "noise_seed") "," STEPS "," CFG "," SAMPLING
			       ",'start_at_step':['INT',{'default':0,'min':0,"
			       "'max':10000}],'end_at_step':['INT',"
			       "{'default':10000,'min':0,'max':10000}],"
			       "'return_with_leftover_noise':[['disable',"
			       "'enable']]",
	 NULL,
	 false,
	 "LATENT",
	 0,
	 "KSampler (Advanced)",
	 "model/sampling",
	 node_sampler,
	 0,
	 0,
	 {0}},
	{"KSamplerSelect",
	 "'sampler_name':[" SAMPLERS "]",
	 NULL,
	 false,
	 "SAMPLER",
	 C_V3,
	 "KSamplerSelect",
	 "model/sampling",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"BasicScheduler",
	 "'model':['MODEL'],'scheduler':[" SCHEDULERS "]," STEPS
	 "," UNIT("denoise", "1.0"),
	 NULL,
	 false,
	 "SIGMAS",
	 C_V3,
	 "BasicScheduler",
	 "model/sampling",
	 node_sigmas,
	 0,
	 0,
	 {0}},
	{"BasicGuider",
	 "'model':['MODEL'],'conditioning':['CONDITIONING']",
	 NULL,
	 false,
	 "GUIDER",
	 C_V3,
	 "BasicGuider",
	 "model/sampling",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"CFGGuider",
	 "'model':['MODEL'],'positive':['CONDITIONING'],'negative':"
	 "['CONDITIONING']," CFG,
	 NULL,
	 false,
	 "GUIDER",
	 C_V3,
	 "CFGGuider",
	 "model/sampling",
	 node_condition,
	 0,
	 0,
	 {0}},
	{"RandomNoise",
	 SEED("noise_seed"),
	 NULL,
	 false,
	 "NOISE",
	 C_V3,
	 "RandomNoise",
	 "model/sampling",
	 node_noise,
	 0,
	 0,
	 {0}},
	{"SamplerCustomAdvanced",
	 "'noise':['NOISE'],'guider':['GUIDER'],'sampler':['SAMPLER'],"
	 "'sigmas':['SIGMAS'],'latent_image':['LATENT']",
	 NULL,
	 false,
	 "LATENT,LATENT",
	 C_V3,
	 "SamplerCustomAdvanced",
	 "model/sampling",
	 node_sampler,
	 0,
	 0,
	 {0}},
	{"VAEDecode",
	 "'samples':['LATENT',{'tooltip':'to be decoded'}],"
	 "'vae':['VAE',{'tooltip':'the decoder'}]",
	 NULL,
	 false,
	 "IMAGE",
	 C_TIPS,
	 "VAE Decode",
	 "model/latent",
	 node_decode,
	 0,
	 0,
	 {0}},
	{"VAEDecodeTiled",
	 "'samples':['LATENT'],'vae':['VAE'],'tile_size':['INT',{'default':"
	 "512,'min':64,'max':4096,'step':32}],'overlap':['INT',{'default':64,"
	 "'min':0,'max':4096,'step':32}],'temporal_size':['INT',{'default':"
	 "64,'min':8,'max':4096,'step':4}],'temporal_overlap':['INT',"
	 "{'default':8,'min':4,'max':4096,'step':4}]",
	 NULL,
	 false,
	 "IMAGE",
	 0,
	 "VAE Decode (Tiled)",
	 "model/latent",
	 node_decode,
	 0,
	 0,
	 {0}},
	{"VAEEncode",
	 "'pixels':['IMAGE'],'vae':['VAE']",
	 NULL,
	 false,
	 "LATENT",
	 0,
	 "VAE Encode",
	 "model/latent",
	 node_encode,
	 0,
	 0,
	 {0}},
	{"VAEEncodeForInpaint",
	 "'pixels':['IMAGE'],'vae':['VAE'],'mask':['MASK'],'grow_mask_by':"
	 "['INT',{'default':6,'min':0,'max':64,'step':1}]",
	 NULL,
	 false,
	 "LATENT",
	 0,
	 "VAE Encode (for Inpainting)",
	 "model/latent",
	 node_encode,
	 0,
	 0,
	 {0}},
	{"SetLatentNoiseMask",
	 "'samples':['LATENT'],'mask':['MASK']",
	 NULL,
	 false,
	 "LATENT",
	 0,
	 "Set Latent Noise Mask",
	 "model/latent",
	 node_pass,
	 0,
	 0,
	 {0}},
	{"LoadVideo",
	 "'file':['COMBO',{'multiselect':false,'options':@input_video,"
	 "'video_upload':true}]",
	 NULL,
	 false,
	 "VIDEO",
	 C_V3 | C_OWN_CHECK | C_ESSENTIAL,
	 "Load Video",
	 "video",
	 node_loader,
	 0,
	 0,
	 {0}},
	{"CreateVideo",
	 "'images':['IMAGE',{'tooltip':'the frames'}],'fps':['FLOAT',"
	 "{'default':30.0,'min':1.0,'max':120.0,'step':1.0}]",
	 "'audio':['AUDIO',{'tooltip':'the sound'}]",
	 false,
	 "VIDEO",
	 C_V3,
	 "Create Video",
	 "video",
	 node_create_video,
	 0,
	 0,
	 {0}},
	{"SaveVideo",
	 "'video':['VIDEO',{'tooltip':'The video to save.'}],"
	 "'filename_prefix':['STRING',{'tooltip':'the start of the file "
	 "name','default':'video/ComfyUI','multiline':false}],"
	 "'format':['COMBO',{'tooltip':'the format','default':'auto',"
	 "'multiselect':false,'options':['auto','mp4']}],"
	 "'codec':['COMBO',{'tooltip':'the codec','default':'auto',"
	 "'multiselect':false,'options':['auto','h264']}]",
	 NULL,
	 true,
	 "",
	 C_OUTPUT | C_V3 | C_ESSENTIAL,
	 "Save Video",
	 "video",
	 node_save_video,
	 0,
	 0,
	 {0}},
	{"RCRaise",
	 "'kind':['STRING',{'default':'ValueError'}]",
	 "'value':['*']",
	 false,
	 "",
	 C_OUTPUT,
	 "RCRaise",
	 "rc",
	 node_rc_raise,
	 0,
	 0,
	 {0}},
	{"RCPreview",
	 "'value':['*'],'steps':['INT',{'default':4,'min':1,'max':100000}],"
	 "'delay':['FLOAT',{'default':0.1,'min':0.0,'max':100.0}],"
	 "'format':[['NONE','JPEG','PNG']],"
	 "'size':['INT',{'default':64,'min':1,'max':16384}]",
	 NULL,
	 false,
	 "*",
	 0,
	 "RCPreview",
	 "rc",
	 node_rc_preview,
	 0,
	 0,
	 {0}},
	{"RCBlock",
	 "'value':['*'],'seconds':['FLOAT',{'default':1.0,'min':0.0,"
	 "'max':1000.0}]",
	 NULL,
	 false,
	 "*",
	 0,
	 "RCBlock",
	 "rc",
	 node_rc_block,
	 0,
	 0,
	 {0}},
	{"RCText",
	 "'text':['STRING',{'default':''}]",
	 NULL,
	 false,
	 "",
	 C_OUTPUT,
	 "RCText",
	 "rc",
	 node_rc_text,
	 0,
	 0,
	 {0}},
	{"RCNumbers",
	 "'i':['INT',{'default':0,'min':0,'max':18446744073709551615}],"
	 "'f':['FLOAT',{'default':0.0,'min':-1000000000.0,"
	 "'max':1000000000.0}],'s':['STRING',{'default':''}],"
	 "'b':['BOOLEAN',{'default':false}],'c':[['a','b','c']]",
	 "'opt':['INT',{'default':7,'min':0,'max':10}]",
	 false,
	 "INT,FLOAT,STRING,BOOLEAN",
	 C_OUTPUT,
	 "RCNumbers",
	 "rc",
	 node_rc_numbers,
	 0,
	 0,
	 {0}},
	{"RCList",
	 "'n':['INT',{'default':3,'min':0,'max':100}]",
	 NULL,
	 false,
	 "IMAGE",
	 0,
	 "RCList",
	 "rc",
	 node_rc_list,
	 0,
	 0,
	 {0}},
};

static struct jdoc *table_doc;

static void add_members(struct str *s, const char *members)
{
	const char *p;

	str_char(s, '{');
	for (p = members ? members : ""; *p; p++) {
		if (*p == '@') {
			str_puts(s, "\"@");
			while (p[1] &&
			       strchr("abcdefghijklmnopqrstuvwxyz_", p[1]))
				str_char(s, *++p);
			str_char(s, '"');
			continue;
		}
		str_char(s, (char)(*p == '\'' ? '"' : *p));
	}
	str_char(s, '}');
}

void classes_init(struct world *w UNUSED)
{
	const size_t n = sizeof(table) / sizeof(*table);
	struct str all = {0};
	struct jv *v;
	size_t i;

	str_char(&all, '[');
	for (i = 0; i < n; i++) {
		if (i)
			str_char(&all, ',');
		add_members(&all, table[i].required);
		str_char(&all, ',');
		add_members(&all, table[i].optional);
	}
	str_char(&all, ']');
	table_doc = json_parse(all.p, all.len);
	if (!table_doc)
		abort();
	v = json_root(table_doc)->child;
	for (i = 0; i < n; i++) {
		char *types = mem_text(table[i].outputs);
		char *save = NULL, *t;

		table[i].required_spec = v;
		table[i].optional_spec = v->next;
		v = v->next->next;
		for (t = strtok_r(types, ",", &save); t;
		     t = strtok_r(NULL, ",", &save))
			strv_add(&table[i].output_types, t);
		free(types);
	}
	str_free(&all);
}

const struct class *class_at(size_t i)
{
	return i < sizeof(table) / sizeof(*table) ? &table[i] : NULL;
}

const struct class *class_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

size_t class_output_count(const struct world *w, const struct class *c)
{
	if (c->flags & C_OUT_NEW && w->dialect < DIALECT_0_25_0)
		return 0;
	return c->output_types.n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_in(const char *name, const char *tails)
{
	const char *dot = strrchr(name, '.');

	return dot && strstr(tails, dot);
}

static void list_input(struct world *w, bool video, struct strv *out)
{
	struct str path = {0};
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(w->input_dir);

	while (d && (e = readdir(d))) {
		str_clear(&path);
		str_printf(&path, "%s/%s", w->input_dir, e->d_name);
		if (stat(path.p, &st) || !S_ISREG(st.st_mode))
			continue;
		if (ends_in(e->d_name, ".mp4.webm.mkv.mov.gif") == video)
			strv_add(out, e->d_name);
	}
	if (d)
		closedir(d);
	str_free(&path);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
}

void class_choices(struct world *w, const char *kind, struct strv *out)
{
	const size_t n = strlen(kind);
	size_t i;

	if (!strcmp(kind, "input") || !strcmp(kind, "input_video")) {
		list_input(w, kind[5], out);
		return;
	}
	for (i = 0; i < w->models.n; i++)
		if (!strncmp(w->models.v[i], kind, n) &&
		    w->models.v[i][n] == '/')
			strv_add(out, w->models.v[i] + n + 1);
}

const struct jv *class_input(const struct class *c, const char *name,
			     bool *required)
{
	const struct jv *v = json_get(c->required_spec, name);

	*required = v != NULL;
	return v ? v : json_get(c->optional_spec, name);
}

static void print_choices(struct world *w, const char *kind, struct str *out)
{
	struct strv names = {0};
	size_t i;

	class_choices(w, kind, &names);
	str_char(out, '[');
	for (i = 0; i < names.n; i++) {
		str_puts(out, i ? ", " : "");
		str_json_text(out, names.v[i]);
	}
	str_char(out, ']');
	strv_free(&names);
}

void class_print_input(struct world *w, const struct jv *v, struct str *out)
{
	const struct jv *m;

	if (v->type == J_STR && v->text[0] == '@') {
		print_choices(w, v->text + 1, out);
		return;
	}
	if (v->type != J_ARR && v->type != J_OBJ) {
		json_dump(out, v);
		return;
	}
	str_char(out, v->type == J_OBJ ? '{' : '[');
	for (m = v->child; m; m = m->next) {
		if (m->key) {
			str_json_text(out, m->key);
			str_puts(out, ": ");
		}
		class_print_input(w, m, out);
		str_puts(out, m->next ? ", " : "");
	}
	str_char(out, v->type == J_OBJ ? '}' : ']');
}
