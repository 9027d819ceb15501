# SPDX-License-Identifier: Apache-2.0
# Steps with their times, for scripts that run several and end with a table: sourced by bash.
#
#   step TITLE COMMAND...   runs it; if it fails, all ends here with its exit code
#   steps_are_over NAME     the last line if everything passed
#
# Whatever happens, the last line says how it ended.

steps_begun=$SECONDS
steps_table=
steps_now=
steps_over=

step() {
    local begun=$SECONDS code=0
    steps_now=$1
    shift
    printf '\n=== %s\n    %s\n' "$steps_now" "$*"
    "$@" || code=$?
    local took=$((SECONDS - begun))
    if [ "$code" -ne 0 ]; then
        steps_table+=$(printf '%6d s  %s: FAILED' "$took" "$steps_now")$'\n'
        exit "$code"
    fi
    printf -- '--- %s: ok, %d s\n' "$steps_now" "$took"
    steps_table+=$(printf '%6d s  %s' "$took" "$steps_now")$'\n'
    steps_now=
}

steps_are_over() {
    steps_over=$1
}

steps_end() {
    local code=$?
    printf '\n%s%6d s  in all\n' "$steps_table" $((SECONDS - steps_begun))
    if [ -n "$steps_over" ] && [ "$code" -eq 0 ]; then
        echo "$steps_over: passed"
        return
    fi
    [ "$code" -ne 0 ] || code=1
    echo "FAILED: ${steps_now:-before the first step} (exit $code)"
    exit "$code"
}
trap steps_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
