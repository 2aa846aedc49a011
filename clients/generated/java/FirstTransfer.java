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
    }
  }

  /**
   * Sends the same request until it has an outcome.
   * @throws ApiException if it was refused, or, with code 0 or from 500 on, if its outcome is unknown at the deadline
   */
  static TransferOrPreview transfer(TransfersApi transfers, TransferRequest request, Duration deadline)
      throws ApiException, InterruptedException {
    Instant until = Instant.now().plus(deadline);
    for (long waitMs = 100; ; waitMs = Math.min(2 * waitMs, 5000)) {
      try {
        return transfers.postTransfers(request, null);
      } catch (ApiException error) {
        // 429, errors of the service and a lost answer (0) may be repeated; everything else is final.
        int status = error.getCode();
        if (status != 0 && status != 429 && status < 500) throw error;
        long askedMs = error.getResponseHeaders() == null ? 0
            : 1000 * error.getResponseHeaders().firstValueAsLong("Retry-After").orElse(0);
        long pauseMs = Math.max(askedMs, ThreadLocalRandom.current().nextLong(waitMs / 2, waitMs + 1));
        if (Instant.now().plusMillis(pauseMs).isAfter(until)) throw error;
        Thread.sleep(pauseMs);
      }
    }
  }
}
