# Follows for ever. Its last id lies in a file: a loop behind a pipe is a shell of its own.
room=http://localhost:3000/rooms/lobby last=$(mktemp)
while :; do
    curl -sN -H "Last-Event-ID: $(cat "$last")" "$room/events?format=ndjson" |
        jq --unbuffered -r 'select(.id) | "\(.id) \(.name): \(.text | gsub("\n"; " "))"' |
        while read -r id line; do
            printf '%s\n' "$line"
            echo "$id" > "$last"
        done
    sleep 1
done
