/* A sound card for tests, as a plugin of alsa-lib: it does exactly what its configuration
 * says, and what real cards do at the worst moment.
 *
 * rate, channels, format, buffer (frames): all it can do.  lock (a file): held while open,
 * so that a second open finds it busy.  fault (a file): its first word, read again at every
 * call, is "gone" (unplugged), "mute" (no frames come) or "hang" (reads return when
 * it is gone, or after 20 s).
 * Samples count frames since the epoch of CLOCK_MONOTONIC_RAW, modulo 2^15: what an overrun
 * loses can be read off.
 */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

struct card {
	snd_pcm_ioplug_t io;
	long rate, channels, buffer;
	snd_pcm_format_t format;
	const char *fault;
	int lock;
	long long begin, taken, captured; /* frames: epoch count at start, read, captured */
};

static char fault_of(const char *path)
{
	char word = 0;
	int fd = path ? open(path, O_RDONLY) : -1;
	if (fd >= 0) {
		if (read(fd, &word, 1) != 1)
			word = 0;
		close(fd);
	}
	return word;
}

static long long count(struct card *card)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * card->rate + now.tv_nsec * card->rate / 1000000000LL;
}

static int card_start(snd_pcm_ioplug_t *io)
{
	struct card *card = io->private_data;
	card->begin = count(card);
	card->taken = card->captured = 0;
	return 0;
}

static int card_stop(snd_pcm_ioplug_t *io)
{
	(void)io;
	return 0;
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
	struct card *card = io->private_data;
	char fault = fault_of(card->fault);
	if (fault == 'g') {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		return 0;
	}
	if (fault != 'm')
		card->captured = count(card) - card->begin;
	if (card->captured - card->taken > (long long)io->buffer_size)
		return -EPIPE;
	return card->captured % io->buffer_size;
}

static void put(unsigned char *at, snd_pcm_format_t format, int value)
{
	switch (format) {
	case SND_PCM_FORMAT_S16_LE:
		at[0] = value; at[1] = value >> 8;
		break;
	case SND_PCM_FORMAT_S24_3LE:
		at[0] = value; at[1] = value >> 8; at[2] = value >> 16;
		break;
	case SND_PCM_FORMAT_S24_LE: /* what the fourth byte holds is nobody's business */
		at[0] = value; at[1] = value >> 8; at[2] = value >> 16; at[3] = 0xA5;
		break;
	default:
		at[0] = 0x5A; at[1] = value; at[2] = value >> 8; at[3] = value >> 16;
	}
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io,
	const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
	struct card *card = io->private_data;
	for (int i = 0; i < 200 && fault_of(card->fault) == 'h'; i++)
		usleep(100000);
	for (snd_pcm_uframes_t i = 0; i < size; i++) {
		int value = (card->begin + card->taken + i) & 0x7fff;
		for (unsigned c = 0; c < io->channels; c++) {
			const snd_pcm_channel_area_t *area = areas + c;
			unsigned bit = area->first + area->step * (offset + i);
			put((unsigned char *)area->addr + bit / 8, io->format, c ? -value : value);
		}
	}
	card->taken += size;
	return size;
}

static int card_close(snd_pcm_ioplug_t *io)
{
	struct card *card = io->private_data;
	if (card->lock >= 0)
		close(card->lock);
	free(card);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = card_start, .stop = card_stop, .pointer = card_pointer,
	.transfer = card_transfer, .close = card_close,
};

static int constrain(struct card *card)
{
	unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED};
	unsigned format[] = {card->format};
	unsigned frame = snd_pcm_format_physical_width(card->format) / 8 * card->channels;
	snd_pcm_ioplug_t *io = &card->io;
	int err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS,
			card->channels, card->channels);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE,
			card->rate, card->rate);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES,
			48 * frame, card->buffer / 2 * frame);
	if (err >= 0)
		err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES,
			96 * frame, card->buffer * frame);
	return err;
}

static int read_config(struct card *card, snd_config_t *conf, const char **lock)
{
	snd_config_iterator_t i, next;
	snd_config_for_each(i, next, conf) {
		snd_config_t *entry = snd_config_iterator_entry(i);
		const char *id, *text = NULL;
		if (snd_config_get_id(entry, &id) < 0)
			continue;
		snd_config_get_string(entry, &text);
		if (!strcmp(id, "rate"))
			snd_config_get_integer(entry, &card->rate);
		else if (!strcmp(id, "channels"))
			snd_config_get_integer(entry, &card->channels);
		else if (!strcmp(id, "buffer"))
			snd_config_get_integer(entry, &card->buffer);
		else if (!strcmp(id, "format"))
			card->format = snd_pcm_format_value(text);
		else if (!strcmp(id, "fault"))
			card->fault = text;
		else if (!strcmp(id, "lock"))
			*lock = text;
	}
	if (fault_of(card->fault) == 'g')
		return -ENODEV;
	if (*lock) {
		card->lock = open(*lock, O_CREAT | O_RDWR, 0600);
		if (flock(card->lock, LOCK_EX | LOCK_NB) < 0)
			return -EBUSY;
	}
	return 0;
}

SND_PCM_PLUGIN_DEFINE_FUNC(testcard)
{
	const char *lock = NULL;
	struct card *card = calloc(1, sizeof(*card));
	int err;
	(void)root;
	card->rate = 48000;
	card->channels = 1;
	card->buffer = 96000;
	card->format = SND_PCM_FORMAT_S16_LE;
	card->lock = -1;
	err = read_config(card, conf, &lock);
	if (err >= 0) {
		/* The configuration's text may be freed before the card is. */
		card->fault = card->fault ? strdup(card->fault) : NULL;
		card->io.version = SND_PCM_IOPLUG_VERSION;
		card->io.name = "test card";
		card->io.callback = &callbacks;
		card->io.private_data = card;
		card->io.poll_fd = -1;
		err = snd_pcm_ioplug_create(&card->io, name, stream, mode);
	}
	if (err >= 0)
		err = constrain(card);
	if (err < 0) {
		if (card->lock >= 0)
			close(card->lock);
		free(card);
		return err;
	}
	*pcmp = card->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(testcard);
