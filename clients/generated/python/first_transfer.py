"""Posts one transfer, once, however many attempts it takes."""

import os
import random
import time
import uuid

import httpx
from holdfast_client import AuthenticatedClient
from holdfast_client.api.transfers import post_transfers
from holdfast_client.models import Problem, Transfer, TransferRequest

client = AuthenticatedClient(base_url=os.environ["API"], token=os.environ["KEY"])

# Store the id before the first attempt: whoever sends the same id again gets the same outcome.
request = TransferRequest(
    transaction_id=os.environ.get("ID", str(uuid.uuid4())),
    source_account="demo-alice",
    destination_account="demo-bob",
    amount="12.34",
    currency="EUR",
    reference="Python",
)


def transfer(request: TransferRequest, deadline: float = 60) -> Transfer | Problem:
    """Sends the same request until it has an outcome. Raises if it is still unknown at the deadline."""
    until = time.monotonic() + deadline
    wait = 0.1
    in_doubt = False
    while True:
        asked = 0.0
        try:
            answer = post_transfers.sync_detailed(client=client, body=request)
            status = answer.status_code
            is_unknown = status == 408 or status >= 500
            # These are about the id itself. After an attempt that is in doubt, any other answer says nothing about that
            # attempt, such as the refusal of a key that has expired in the meantime.
            if status in (200, 201, 409, 422) or not (in_doubt or is_unknown or status == 429):
                assert isinstance(answer.parsed, (Transfer, Problem))
                return answer.parsed
            in_doubt = in_doubt or is_unknown
            asked = float(answer.headers.get("Retry-After", 0))
        except (httpx.TransportError, ValueError):
            in_doubt = True  # No answer, or one of a proxy: the transfer may or may not have been made.
        pause = max(asked, wait * random.uniform(0.5, 1))
        if time.monotonic() + pause > until:
            raise TimeoutError(f"the outcome of {request.transaction_id} is unknown: send it again later")
        time.sleep(pause)
        wait = min(wait * 2, 5)


outcome = transfer(request)
if isinstance(outcome, Problem):
    print("refused", outcome.code, outcome.detail)
else:
    print("posted", outcome.transaction_id, "replayed" if outcome.replayed else "new")
