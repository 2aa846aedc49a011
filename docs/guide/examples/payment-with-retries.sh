# Prints the answer once the outcome is known. Usage: payment-with-retries.sh ID FROM TO AMOUNT CURRENCY
body='{"transactionId": "'"$1"'", "sourceAccount": "'"$2"'", "destinationAccount": "'"$3"'",
       "amount": "'"$4"'", "currency": "'"$5"'"}'
doubt=no
for wait in 1 2 4 8 15 30; do
  status=$(curl -s -m 20 -o answer.json -D headers.txt -w '%{http_code}' "$API/v1/transfers" \
    -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d "$body") || status=0
  case $status in
    200|201) cat answer.json; exit 0 ;;            # posted (200: by an earlier attempt)
    409|422) cat answer.json; exit 1 ;;            # refused, or another payment has this id
    0|408|5*) doubt=yes ;;                         # outcome not known: repeat the request
    429) ;;                                        # not carried out: repeat the request
    *) cat answer.json                             # invalid or not allowed
       [ $doubt = yes ] || exit 1                  # an earlier attempt may have been carried out
       break ;;
  esac
  asked=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' headers.txt 2>/dev/null)
  sleep $(( ${asked:-0} > wait ? asked : wait ))
done
echo "The outcome of $1 is not known: send it again later." >&2
exit 2
