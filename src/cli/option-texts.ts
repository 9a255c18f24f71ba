/** Options as they were typed: cac makes numbers of texts that look like one, and 0 of the empty text. */

/** Every value of `--name`, in order; `--name=value` counts too. */
export function optionTexts(argv: readonly string[], name: string): readonly string[] {
  const flag = `--${name}`;
  return argv.flatMap((argument, i) => {
    if (argument === flag) return argv.slice(i + 1, i + 2);
    return argument.startsWith(`${flag}=`) ? [argument.slice(flag.length + 1)] : [];
  });
}
