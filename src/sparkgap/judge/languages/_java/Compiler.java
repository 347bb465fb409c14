package sparkgap;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** The Java compiler, kept warm: compiles one program after the other, and runs none of them. */
public final class Compiler {
  private static final JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
  private static final Pattern PUBLIC = Pattern.compile("\\bpublic\\s+(?:\\w+\\s+)*?(?:class|interface|enum|record)\\s+(\\w+)");

  private static final class Source extends SimpleJavaFileObject {
    final String text;

    Source(String name, String text) {
      super(URI.create("string:///" + name + ".java"), Kind.SOURCE);
      this.text = text;
    }

    @Override
    public CharSequence getCharContent(boolean ignored) {
      return text;
    }
  }

  private static final class Made extends ForwardingJavaFileManager<StandardJavaFileManager> {
    final Map<String, ByteArrayOutputStream> classes = new TreeMap<>();

    Made(StandardJavaFileManager files) {
      super(files);
    }

    @Override
    public JavaFileObject getJavaFileForOutput(
        JavaFileManager.Location location, String name, JavaFileObject.Kind kind, FileObject sibling) {
      return new SimpleJavaFileObject(URI.create("mem:///" + name.replace('.', '/') + ".class"), kind) {
        @Override
        public OutputStream openOutputStream() {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          classes.put(name, out);
          return out;
        }
      };
    }
  }

  public static void main(String[] given) throws IOException {
    Values values = new Values(new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out));
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.err), true));
    StandardJavaFileManager files = compiler.getStandardFileManager(null, Locale.ENGLISH, StandardCharsets.UTF_8);
    String warm = "import java.util.*; class Warm { int f(List<Integer> x) { return x.stream().mapToInt(y -> y).sum(); } }";
    for (int i = 0; i < 3; i++) compiled(files, warm, "program");
    while (true) {
      byte[] body;
      try {
        body = values.receive();
      } catch (Values.Ended ended) {
        return;
      }
      String[] asked = new String(body, 1, body.length - 1, StandardCharsets.UTF_8).split("\n", 2);
      values.send('B', compiled(files, asked[1], asked[0]).getBytes(StandardCharsets.UTF_8));
    }
  }

  private static String compiled(StandardJavaFileManager files, String text, String what) throws IOException {
    Matcher found = PUBLIC.matcher(text);
    Source source = new Source(found.find() ? found.group(1) : "Solution", text);
    Made made = new Made(files);
    DiagnosticCollector<JavaFileObject> said = new DiagnosticCollector<>();
    List<String> options = List.of("-proc:none", "-implicit:none", what.equals("program") ? "-Xlint:all" : "-nowarn",
        "-Xmaxerrs", "50", "-Xmaxwarns", "50", "-cp", System.getProperty("java.class.path"), "-sourcepath", "/none");
    StringWriter rest = new StringWriter();
    boolean ok = false;
    try {
      ok = compiler.getTask(new PrintWriter(rest), made, said, options, null, List.of(source)).call();
    } catch (StackOverflowError | RuntimeException fault) {
      rest.append(String.valueOf(fault));
    }
    Map<String, byte[]> out = new TreeMap<>();
    if (ok && what.equals("program")) {
      for (var each : made.classes.entrySet()) out.put(each.getKey().replace('.', '/') + ".class", each.getValue().toByteArray());
      out.put("sparkgap.main", mainOf(text, made.classes.keySet()).getBytes(StandardCharsets.UTF_8));
    } else if (ok) {
      out.put("exam", exam(made.classes, what.equals("all tests"), mainOf(text, made.classes.keySet())));
    }
    return answer(ok, said, source.text, rest.toString(), out);
  }

  private static byte[] exam(Map<String, ByteArrayOutputStream> classes, boolean all, String main) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeBoolean(all);
    out.writeUTF(main);
    out.writeInt(classes.size());
    for (var each : classes.entrySet()) {
      out.writeUTF(each.getKey());
      out.writeInt(each.getValue().size());
      each.getValue().writeTo(out);
    }
    return bytes.toByteArray();
  }

  /** The class whose `main` is run: Main, or the last one before the text of a `main`. */
  private static String mainOf(String text, Iterable<String> classes) {
    List<String> names = new ArrayList<>();
    classes.forEach(names::add);
    Matcher main = Pattern.compile("\\bstatic\\s+(?:\\w+\\s+)*void\\s+main\\s*\\(").matcher(text);
    String owner = "Main";
    if (main.find()) {
      Matcher heads = Pattern.compile("\\b(?:class|interface|enum|record)\\s+(\\w+)").matcher(text.substring(0, main.start()));
      while (heads.find()) owner = heads.group(1);
    }
    for (String name : names) if (name.equals(owner) || name.endsWith("." + owner)) return name;
    return names.isEmpty() ? owner : names.get(0);
  }

  private static String answer(
      boolean ok, DiagnosticCollector<JavaFileObject> said, String text, String rest, Map<String, byte[]> files) {
    StringBuilder told = new StringBuilder("[");
    for (Diagnostic<? extends JavaFileObject> each : said.getDiagnostics()) {
      if (told.length() > 1) told.append(',');
      String severity = each.getKind() == Diagnostic.Kind.ERROR ? "error" : each.getKind() == Diagnostic.Kind.NOTE ? "note" : "warning";
      told.append("{\"severity\":\"").append(severity).append("\",\"code\":").append(Examiner.json(String.valueOf(each.getCode())))
          .append(",\"message\":").append(Examiner.json(each.getMessage(Locale.ENGLISH)));
      if (each.getPosition() >= 0 && each.getPosition() <= text.length()) {
        String before = text.substring(0, (int) each.getPosition());
        String line = before.substring(before.lastIndexOf('\n') + 1);
        told.append(",\"line\":").append(each.getLineNumber()).append(",\"column\":").append(line.codePointCount(0, line.length()) + 1);
      }
      told.append('}');
    }
    if (!ok && said.getDiagnostics().isEmpty()) {
      told.append("{\"severity\":\"error\",\"code\":\"compiler\",\"message\":").append(Examiner.json(rest)).append('}');
    }
    StringBuilder out = new StringBuilder("{\"ok\":" + ok + ",\"said\":" + quoted(told.append("]").toString()) + ",\"files\":{");
    String comma = "";
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      out.append(comma).append(Examiner.json(file.getKey())).append(":\"");
      out.append(Base64.getEncoder().encodeToString(file.getValue())).append('"');
      comma = ",";
    }
    return out.append("}}").toString();
  }

  private static String quoted(String json) {
    return '"' + json.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }
}
