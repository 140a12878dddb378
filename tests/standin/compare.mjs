// Does an answer or a message look like the recorded one? Keys and types always
// count; values count unless they differ from server to server: ids, times,
// file numbers, printed tensors, texts that name paths of the machine.

const anyValue = [
	/\.timestamp$/,
	/\.create_time$/,
	/\.execution_(start|end)_time$/,
	/\.number$/,
	/\.priority$/,
	/\.prompt\[0\]$/,
	/\.queue_(running|pending)\[\d+\]\[0\]$/,
	/\.sid$/,
	/\.current_inputs\./,
	/\.tooltip$/,
	/\.(description|display_name|category|python_module)$/,
	/\.system\./,
	/\.devices\[/,
	/\.error\.details$/,
	/\.(delay|seconds)$/,
	/\.control_after_generate$/,
];

// lists whose members or order are the server's own business
const anyList = [
	/\.traceback$/,
	/\.current_outputs$/,
	/\.search_aliases$/,
	/\.output_tooltips$/,
	/\.comfy_package_versions$/,
	/\.argv$/,
	/\.essentials_category$/,
	/\.input\.required\.image\[0\]$/,
];

// order of these has no meaning: they come out of a set
const anyOrder = [/\.errors$/, /\.prompt\[4\]$/, /\[\d+\]\[4\]$/,
	/\.executed$/];

const uuid = /[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}/g;

export function plain(text) {
	return text
		.replace(uuid, 'ID')
		.replace(/\b[0-9a-f]{32}\b/g, 'ID')
		.replace(/ComfyUI_temp_[a-z0-9]+_/g, 'ComfyUI_temp_')
		.replace(/_\d{5}_/g, '_N_')
		.replace(/\d{17,}/g, 'BIG')
		.replace(/\(list of length \d+\)/, '(long list)')
		.replace(/tensor\([^]*\)/g, 'TENSOR')
		.replace(/\/srv\/[^\s'",]*/g, 'PATH')
		.replace(/ full_output_folder: [^]*/, '');
}

const kind = (v) =>
	v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v;
const some = (list, at) => list.some((re) => re.test(at));

function compareLists(want, got, at, out) {
	if (some(anyList, at))
		return;
	if (want.length !== got.length) {
		out.push(`${at}: ${got.length} members, not ${want.length}: ` +
			JSON.stringify(got).slice(0, 200));
		return;
	}
	if (some(anyOrder, at)) {
		const key = (v) => plain(JSON.stringify(
			v?.extra_info?.input_name ?? v));
		want = [...want].sort((a, b) => key(a).localeCompare(key(b)));
		got = [...got].sort((a, b) => key(a).localeCompare(key(b)));
	}
	want.forEach((v, i) => compare(v, got[i], `${at}[${i}]`, out));
}

function compareObjects(want, got, at, out) {
	const rename = (o) => Object.fromEntries(
		Object.entries(o).map(([k, v]) => [plain(k), v]));
	want = rename(want);
	got = rename(got);
	for (const k of Object.keys(want))
		if (k === 'truncated') /* depends on a length we do not know */
			continue;
		else if (!(k in got))
			out.push(`${at}.${k} is missing`);
		else
			compare(want[k], got[k], `${at}.${k}`, out);
	for (const k of Object.keys(got))
		if (!(k in want))
			out.push(`${at}.${k} is too much`);
}

// out: differences, as lines for the reader
export function compare(want, got, at, out) {
	const exact = /^@num:(.*)@$/.exec(want);

	if (exact)
		want = Number(exact[1]);
	if (kind(want) !== kind(got)) {
		if (!some(anyList, at) && !some(anyValue, at))
			out.push(`${at}: ${kind(got)}, not ${kind(want)}`);
	} else if (Array.isArray(want)) {
		compareLists(want, got, at, out);
	} else if (kind(want) === 'object') {
		compareObjects(want, got, at, out);
	} else if (!some(anyValue, at)) {
		const a = typeof want === 'string' ? plain(want) : want;
		const b = typeof got === 'string' ? plain(got) : got;
		const cut = typeof a === 'string' &&
			(a.includes('<trimmed') || b.includes('<trimmed'));

		if (a !== b && !cut)
			out.push(`${at}: ${JSON.stringify(b)}, not ` +
				JSON.stringify(a));
	}
	return out;
}
