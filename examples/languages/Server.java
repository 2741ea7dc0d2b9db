// A server in Java: `javac Server.java && java Server PORT`. What the two sides say is in README.md.

import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;

public class Server {
    static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    public static void main(String[] args) throws IOException {
        InetAddress here = InetAddress.getByName("127.0.0.1");
        try (ServerSocket listener = new ServerSocket(Integer.parseInt(args[0]), 128, here)) {
            out.println(listener.getLocalPort());
            while (true) {
                Socket caller = listener.accept();
                new Thread(() -> talk(caller)).start();
            }
        }
    }

    /** Serves one caller, on the socket that is for this caller alone. */
    static void talk(Socket caller) {
        try (caller) {
            var lines = new BufferedReader(new InputStreamReader(caller.getInputStream(), StandardCharsets.UTF_8));
            int count = 0;
            String line;
            while ((line = lines.readLine()) != null) {
                out.print(caller.getPort() + " < " + line + "\n");
                say(caller, answer(line));
                count++;
            }
            say(caller, count + " lines, goodbye");
        } catch (IOException error) {
            System.err.println(error);
        }
    }

    static void say(Socket caller, String line) throws IOException {
        out.print(caller.getPort() + " > " + line + "\n");
        caller.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    static String answer(String line) {
        if (line.matches("[0-9]{1,9}")) {
            long number = Long.parseLong(line);
            return String.valueOf(number * number);
        }
        return line.getBytes(StandardCharsets.UTF_8).length + " " + line;
    }
}
