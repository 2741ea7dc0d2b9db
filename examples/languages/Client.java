// A client in Java: `javac Client.java && java Client HOST PORT`. What the two sides say is in README.md.

import java.io.*;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

public class Client {
    static final String[] REQUESTS = {
        "Hello from Java", "Grüße, 世界 🥫", "", "12345", "999999999", "tin can ".repeat(12_500), "Still there?"
    };

    public static void main(String[] args) throws IOException {
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        try (Socket server = new Socket(args[0], Integer.parseInt(args[1]))) {
            var answers = new BufferedReader(new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8));
            for (String line : REQUESTS) {
                out.print("> " + line + "\n");
                server.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
                out.print("< " + answers.readLine() + "\n");
            }
            server.shutdownOutput(); // we are done; the server has one more thing to say
            String line;
            while ((line = answers.readLine()) != null) {
                out.print("< " + line + "\n");
            }
        }
    }
}
