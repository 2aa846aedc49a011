import io.holdfast.client.ApiClient;
import io.holdfast.client.ApiException;
import io.holdfast.client.api.TransfersApi;
import io.holdfast.client.model.TransferOrPreview;
import io.holdfast.client.model.TransferRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;

/** Posts one transfer, once, however many attempts it takes. */
public class FirstTransfer {
  public static void main(String[] args) throws Exception {
    ApiClient client = new ApiClient();
    client.updateBaseUri(System.getenv("API"));
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + System.getenv("KEY")));
    TransfersApi transfers = new TransfersApi(client);

    // Store the id before the first attempt: whoever sends the same id again gets the same outcome.
    String id = Objects.requireNonNullElse(System.getenv("ID"), UUID.randomUUID().toString());
    TransferRequest request = new TransferRequest()
        .transactionId(id)
        .sourceAccount("demo-alice")
        .destinationAccount("demo-bob")
        .amount("12.34")
        .currency("EUR")
        .reference("Java");
    try {
      TransferOrPreview outcome = transfer(transfers, request, Duration.ofMinutes(1));
      boolean replayed = outcome.getTransfer().getReplayed();
      System.out.println("posted " + outcome.getTransfer().getTransactionId() + (replayed ? " replayed" : " new"));
    } catch (ApiException refused) {
      System.out.println("refused " + refused.getResponseBody());
    } catch (TimeoutException unknown) {
      System.out.println("unknown: send " + id + " again later: " + unknown.getMessage());
    }
  }

  /**
   * Sends the same request until it has an outcome.
   * @throws ApiException if it was refused
   * @throws TimeoutException if its outcome is unknown at the deadline
   */
  static TransferOrPreview transfer(TransfersApi transfers, TransferRequest request, Duration deadline)
      throws ApiException, InterruptedException, TimeoutException {
    Instant until = Instant.now().plus(deadline);
    boolean inDoubt = false;
    for (long waitMs = 100; ; waitMs = Math.min(2 * waitMs, 5000)) {
      try {
        return transfers.postTransfers(request, null);
      } catch (ApiException error) {
        int status = error.getCode();
        boolean isUnknown = status == 0 || status == 408 || status >= 500;
        // These are about the id itself. After an attempt that is in doubt, any other answer says nothing about that attempt,
        // such as the refusal of a key that has expired in the meantime.
        if (status == 409 || status == 422 || !(inDoubt || isUnknown || status == 429)) throw error;
        inDoubt = inDoubt || isUnknown;
        long askedMs = error.getResponseHeaders() == null ? 0
            : 1000 * error.getResponseHeaders().firstValueAsLong("Retry-After").orElse(0);
        long pauseMs = Math.max(askedMs, ThreadLocalRandom.current().nextLong(waitMs / 2, waitMs + 1));
        if (Instant.now().plusMillis(pauseMs).isAfter(until)) throw new TimeoutException(error.getMessage());
        Thread.sleep(pauseMs);
      }
    }
  }
}
